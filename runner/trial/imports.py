"""The modules that a module needs, found in its source without importing it."""

from __future__ import annotations

import ast
import functools
import hashlib
import itertools
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.machinery import BuiltinImporter, PathFinder
from pathlib import Path
from typing import NamedTuple

from registry.plugins import FILE_PREFIX

PACKAGES = ("registry", "mechanisms", "tasks", "runner", "results")
INSTALLED = tuple(
    Path(folder).resolve()
    for folder in (
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
)


class Import(NamedTuple):
    """`import module` if `name` is "", otherwise `from module import name`."""

    module: str
    name: str


def closure(roots: Iterable[str]) -> set[str]:
    """Return `roots` and all local modules that they need, directly or indirectly."""
    todo, found = list(roots), set[str]()
    while todo:
        module = todo.pop()
        if module in found or source_of(module) is None:
            continue
        found.add(module)
        todo += _local_needs(module)
    return found


@functools.cache
def _local_needs(module: str) -> tuple[str, ...]:
    return tuple(sorted({needed for needed in _needed(module) if is_local(needed)}))


def forget() -> None:
    """Clear the caches, so that sources that may have changed are read again."""
    for kept in (_local_needs, is_local, source_of, tree_digest, imports_of, _find):
        kept.cache_clear()


@functools.cache
def is_local(module: str) -> bool:
    """Return whether a module is neither of the standard library nor of an installed distribution."""
    if module.split(".")[0] in PACKAGES or module.startswith(FILE_PREFIX):
        return True
    file = source_of(module)
    return file is not None and not any(file.resolve().is_relative_to(folder) for folder in INSTALLED)


def name_in_keys(module: str) -> str:
    """Return the name of a module in keys. For a plug-in file it has no digest of the path."""
    first, dot, rest = module.partition(".")
    return first.removeprefix(FILE_PREFIX).rpartition("_")[0] + dot + rest if first.startswith(FILE_PREFIX) else module


@functools.cache
def source_of(module: str) -> Path | None:
    """Return the source file of a module, loaded or not. None if it is not in Python or does not exist."""
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None) if loaded is not None else _find(module)
    return Path(file) if file is not None and file.endswith(".py") else None


@functools.cache
def _find(module: str) -> str | None:
    """Find a module that is not loaded, as an import would, but without executing its package."""
    package, _, _ = module.rpartition(".")
    if not package:
        spec = None if BuiltinImporter.find_spec(module) is not None else PathFinder.find_spec(module)
    else:
        folders = _folders(package)
        spec = None if folders is None else PathFinder.find_spec(module, folders)
    return spec.origin if spec is not None else None


def _folders(package: str) -> list[str] | None:
    """Return the folders with the modules of a package, loaded or not."""
    if package in sys.modules:
        return list(getattr(sys.modules[package], "__path__", []))
    above, _, _ = package.rpartition(".")
    folders = _folders(above) if above else None
    if above and folders is None:
        return None
    spec = PathFinder.find_spec(package, folders)
    return None if spec is None or spec.submodule_search_locations is None else list(spec.submodule_search_locations)


@functools.cache
def tree_digest(module: str) -> str:
    """Return a digest of the syntax tree of a module, without comments, docstrings and formatting."""
    file = source_of(module)
    assert file is not None, f"{module} has no source"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _needed(module: str) -> Iterator[str]:
    """Yield the modules that a module imports, and the packages that contain it."""
    yield from _packages(module)
    for wanted in imports_of(module):
        yield from _resolved(wanted, set())


def _packages(module: str) -> Iterator[str]:
    """Yield the packages that contain a module, but not those of the project, whose __init__ only re-exports."""
    if module.split(".")[0] in PACKAGES:
        return
    parts = module.split(".")
    for end in range(1, len(parts)):
        yield ".".join(parts[:end])


def _resolved(wanted: Import, seen: set[Import]) -> Iterator[str]:
    """Yield the modules that an import loads. A name that a package of the project re-exports is followed."""
    if wanted in seen:
        return
    seen.add(wanted)
    below = f"{wanted.module}.{wanted.name}"
    if wanted.name and wanted.name != "*" and source_of(below) is not None:
        yield below  # the module that it is imported from is one of its packages
        return
    if not re_exports(wanted.module) or wanted.name in ("", "*"):
        yield wanted.module
        return
    origin = [each for each in imports_of(wanted.module) if each.name == wanted.name]
    if not origin:
        yield wanted.module
    for each in origin:
        yield from _resolved(each, seen)


def re_exports(module: str) -> bool:
    """Return whether a module is a package of the project, whose __init__ only re-exports."""
    file = source_of(module)
    return module.split(".")[0] in PACKAGES and file is not None and file.name == "__init__.py"


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes that run, without those under TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from itertools.chain(node.orelse, *map(_running, node.orelse))
        else:
            yield node
            yield from _running(node)


@functools.cache
def imports_of(module: str) -> tuple[Import, ...]:
    """Return all import statements of a module, also those in functions, with relative imports resolved."""
    file = source_of(module)
    if file is None:
        return ()
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    found: dict[Import, None] = {}
    for node in _running(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {Import(alias.name, ""): None for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            stem = ".".join(part for part in (base, node.module) if part)
            found |= {Import(stem, alias.name): None for alias in node.names}
    return tuple(found)
