"""The key of a trial: a digest of everything that could change its result, so that changed code runs it again.

The digest covers the fields of the trial and the syntax trees of whole modules: `measure`, the modules of the chosen
classes, and every module that one of these imports anywhere, unless it is of the standard library or of an installed
distribution. Keys contain no paths.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
from collections.abc import Iterable, Mapping

import torch

from registry import Spec

from . import imports
from .imports import closure, is_local, name_in_keys, tree_digest
from .trial import Trial

ROOT_MODULE = "runner.trial.measure"


def modules_of(trial: Trial) -> tuple[str, ...]:
    """Return the names of the modules that the key of a trial covers."""
    return tuple(sorted(_closure(_roots(classes_of(trial)))))


def key_of(trial: Trial) -> str:
    """Return the key of a trial: 16 hexadecimal digits."""
    classes = classes_of(trial)
    code = _code(_roots(classes))
    versions = sorted({version for cls in classes for version in versions_of(cls)})
    fields = json.dumps(_fields(trial), sort_keys=True, default=repr)
    return hashlib.sha256("\n".join([fields, code, *versions, torch.__version__]).encode()).hexdigest()[:16]


def classes_of(trial: Trial) -> tuple[type, ...]:
    """Return the chosen classes, those of parts, and those on which their settings depend."""
    chosen = [spec for _, spec in trial.specs()]
    brought = [cls for spec in chosen for cls in spec.value.depends_on(spec.settings)]
    return tuple(dict.fromkeys([*(spec.value for spec in chosen), *brought]))


def versions_of(value: type) -> list[str]:
    """Return "name version" of the distributions that contain a class, none for local code."""
    if is_local(value.__module__):
        return []
    names = _distributions().get(value.__module__.split(".")[0], ())
    return [f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names))]


def _fields(trial: Trial) -> dict[str, object]:
    """Return the fields of a trial, with complete settings and not as they were written."""
    return {name: _identity(getattr(trial, name), value) for name, value in trial.to_json().items()}


def _identity(value: object, plain: object) -> object:
    if isinstance(value, Spec):
        return value.identity
    if isinstance(value, tuple) and any(isinstance(each, Spec) for each in value):
        return [each.identity if isinstance(each, Spec) else each for each in value]
    return plain


def _roots(classes: Iterable[type]) -> tuple[str, ...]:
    """Return the modules to start from: `measure`, the module of each class, and those of its local base classes."""
    found = {ROOT_MODULE}
    for cls in classes:
        found |= {base.__module__ for base in cls.__mro__ if base is cls or is_local(base.__module__)}
    return tuple(sorted(found))


@functools.cache
def _closure(roots: tuple[str, ...]) -> frozenset[str]:
    return frozenset(closure(roots))


@functools.cache
def _code(roots: tuple[str, ...]) -> str:
    found = sorted(f"{name_in_keys(name)} {tree_digest(name)}" for name in _closure(roots))
    return hashlib.sha256("\n".join(found).encode()).hexdigest()


def read_sources_again() -> None:
    """Clear the caches, so that sources that may have changed are read again."""
    imports.forget()
    _closure.cache_clear()
    _code.cache_clear()


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
