"""Loading of plug-ins: files, modules and installed distributions that register classes."""

from __future__ import annotations

import contextlib
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

from .errors import UserError, sentence, shorten
from .harm import lasting
from .origin import DISTRIBUTION, Origin, current_origin, failed_plugins
from .spec import REGISTRIES

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
        path = _real(spec)
        origin = Origin("file", str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:12])
        _import(origin, spec, lambda: _import_file(path))
    else:
        origin = Origin("module", spec, "")
        _import(origin, spec, lambda: importlib.import_module(spec))
    return origin


def load_harmlessly(spec: str) -> str | None:
    """Load a plug-in in a process that ends afterwards. Return which harm that cannot be undone it has done there."""

    def load() -> None:
        # The import in the process that stays says what is wrong with it.
        with contextlib.suppress(UserError):
            load_plugin(spec)

    return lasting(load)


def is_loaded(spec: str) -> bool:
    """Return whether all modules of a plug-in are imported already."""
    if spec.startswith(DISTRIBUTION):
        name = spec.removeprefix(DISTRIBUTION)
        modules = [point.module for point in _entry_points() if point.dist is not None and point.dist.name == name]
    else:
        modules = [module_name(_real(spec)) if _is_path(spec) else spec]
    return all(module in sys.modules for module in modules)


def record_failure(spec: str, reason: str) -> None:
    """Remember why a plug-in is not loaded, for errors about the names that it would register."""
    _record(_names(spec), spec, reason)


def _record(names: set[str], spec: str, reason: str) -> None:
    failed_plugins.update(dict.fromkeys(names, f"{shorten(spec)}: {reason}"))


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


def _real(spec: str) -> Path:
    # Path.resolve raises RuntimeError for a link to itself.
    return Path(os.path.realpath(spec))


def _is_path(spec: str) -> bool:
    return spec.endswith(".py") or "/" in spec


def installed_plugins() -> list[str]:
    """Return the distributions with entry points in the group `attention_bench`, as arguments of `load_plugin`."""
    return sorted({f"{DISTRIBUTION}{point.dist.name}" for point in _entry_points() if point.dist is not None})


def _entry_points() -> importlib.metadata.EntryPoints:
    return importlib.metadata.entry_points(group=ENTRY_POINTS)


def load_installed_plugins(only: str | None = None) -> dict[str, str]:
    """Import the entry points in the group `attention_bench`, of one distribution or of all.

    Returns the errors of those that cannot be imported, by distribution.
    """
    errors: dict[str, str] = {}
    for point in _entry_points():
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
    # Read before the import, which may replace what reads files.
    names = _names(spec)
    token = current_origin.set(origin)
    try:
        load()
        for name in names:
            failed_plugins.pop(name, None)  # it was repaired since
    except (Exception, SystemExit) as error:
        forget(origin)
        _record(names, spec, shorten(sentence(error)))
        raise UserError(f"plug-in {spec}: cannot be imported: {sentence(error)}") from error
    finally:
        current_origin.reset(token)


def forget(origin: Origin) -> None:
    """Remove what a plug-in that fails has registered: part of it is not what its author wrote."""
    for registry in REGISTRIES.values():
        registry.forget_all_of(origin)


def _names(spec: str) -> set[str]:
    """Return the names that a plug-in may register: that of its file, and those that its text registers."""
    if not _is_path(spec) or not Path(spec).is_file():
        return {spec.removeprefix(DISTRIBUTION).rpartition(".")[2]}
    text = Path(spec).read_text(encoding="utf-8", errors="replace")
    return {Path(spec).stem, *re.findall(r"""\bregister\(\s*["'](\w+)["']""", text)}


def module_name(path: Path) -> str:
    """Return the name of the module that is made of a plug-in file."""
    return f"{FILE_PREFIX}{path.stem}_{hashlib.sha256(str(path).encode(errors='surrogatepass')).hexdigest()[:8]}"


def _import_file(path: Path) -> ModuleType:
    name = module_name(path)
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
