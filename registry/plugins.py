"""Loading of plug-ins: files, modules and installed distributions that register classes."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from .errors import UserError
from .origin import DISTRIBUTION, Origin, current_origin

ENTRY_POINTS = "attention_bench"
FILE_PREFIX = "plugin_file_"
"""Begins the module name of a plug-in file, followed by the name of the file and a digest of its path."""


def load_plugin(spec: str) -> Origin:
    """Import a plug-in, given as a path ("my/score.py"), a module name, or an installed distribution.

    Returns its origin. Raises UserError if it does not exist or cannot be imported.
    """
    if spec.startswith(DISTRIBUTION):
        name = spec.removeprefix(DISTRIBUTION)
        for error in load_installed_plugins(name).values():
            raise UserError(error)
        try:
            return Origin("package", name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            raise UserError(f"plug-in {spec}: no distribution with this name is installed") from None
    if spec.endswith(".py") or "/" in spec:
        path = Path(spec).resolve()
        if not path.is_file():
            raise UserError(f"plug-in {spec}: the file does not exist")
        origin = Origin("file", str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:12])
        _import(origin, spec, lambda: _import_file(path))
    else:
        origin = Origin("module", spec, "")
        _import(origin, spec, lambda: importlib.import_module(spec))
    return origin


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
    except Exception as error:
        raise UserError(f"plug-in {spec}: cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        current_origin.reset(token)


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
