"""Loading of plug-ins: files, modules and installed distributions that register classes."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .errors import UserError, shorten
from .origin import DISTRIBUTION, Origin, current_origin, failed_plugins

ENTRY_POINTS = "attention_bench"
FILE_PREFIX = "plugin_file_"
"""Begins the module name of a plug-in file, followed by the name of the file and a digest of its path."""


def load_plugin(spec: str) -> Origin:
    """Import a plug-in, given as a path ("my/score.py"), a module name, or an installed distribution.

    Returns its origin. Raises UserError if it does not exist or cannot be imported.
    """
    if (problem := missing(spec)) is not None:
        raise UserError(f"plug-in {shorten(spec)}: {problem}")
    if spec.startswith(DISTRIBUTION):
        name = spec.removeprefix(DISTRIBUTION)
        for error in load_installed_plugins(name).values():
            raise UserError(error)
        return Origin("package", name, importlib.metadata.version(name))
    if _is_path(spec):
        path = Path(spec).resolve()
        origin = Origin("file", str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:12])
        _import(origin, spec, lambda: _import_file(path))
    else:
        origin = Origin("module", spec, "")
        _import(origin, spec, lambda: importlib.import_module(spec))
    return origin


def missing(spec: str) -> str | None:
    """Return why there is no such plug-in; None if there may be one. Modules are looked for when they are imported."""
    try:
        if not spec.isprintable() and any("\ud800" <= character <= "\udfff" for character in spec):
            return "its name is no text in UTF-8; rename the file or its folder"
        if spec.startswith(DISTRIBUTION):
            importlib.metadata.version(spec.removeprefix(DISTRIBUTION))
        elif _is_path(spec):
            if not Path(spec).is_file():
                return "the file does not exist"
            return None if os.access(spec, os.R_OK) else "the file may not be read"
        elif not spec or spec.startswith("."):
            return "a path that ends in .py, or the name of a module, was expected"
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return "no distribution with this name is installed"
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    return None


def _is_path(spec: str) -> bool:
    return spec.endswith(".py") or "/" in spec


def load_installed_plugins(only: str | None = None) -> dict[str, str]:
    """Import the entry points in the group `attention_bench`, of one distribution or of all.

    Returns the errors of those that cannot be imported, by distribution.
    """
    errors: dict[str, str] = {}
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS):
        distribution = point.dist
        name, version = (distribution.name, distribution.version) if distribution else (point.value, "")
        if only not in (None, name):
            continue
        try:
            _import(Origin("package", name, version), name, point.load)
        except UserError as error:
            errors[name] = str(error)
    return errors


def _import(origin: Origin, spec: str, load: Callable[[], object]) -> None:
    token = current_origin.set(origin)
    try:
        load()
        for name in _names(origin) if failed_plugins else ():
            failed_plugins.pop(name, None)  # it was repaired since
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0]
        failed_plugins.update(
            dict.fromkeys(_names(origin), f"{shorten(spec)}: {type(error).__name__}: {shorten(reason)}")
        )
        raise UserError(f"plug-in {spec}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        current_origin.reset(token)


def _names(origin: Origin) -> set[str]:
    """Return the names that a plug-in may register: that of its file, and those that its text registers."""
    stem = Path(origin.source).stem if origin.kind == "file" else origin.source.rpartition(".")[2]
    text = Path(origin.source).read_text(encoding="utf-8", errors="replace") if origin.kind == "file" else ""
    return {stem, *re.findall(r"""\bregister\(\s*["'](\w+)["']""", text)}


def _import_file(path: Path) -> ModuleType:
    name = f"{FILE_PREFIX}{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
