"""A digest of the code that a result depends on, so that changed code re-runs and unchanged never does."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("mechanisms", "tasks", "runner")


def digest(classes: Iterable[type], modules: Iterable[ModuleType] = ()) -> str:
    """Return a digest of the sources of `classes`, their bases, `modules` and the project's modules these import.

    Comments, docstrings and formatting do not count: the digest is of the syntax tree.
    """
    todo = [
        sys.modules[base.__module__]
        for cls in classes
        for base in cls.__mro__
        # A class counts wherever it comes from, also from an installed plugin; its bases may be torch's.
        if base is cls or _counts(base.__module__)
    ]
    todo += modules
    seen: dict[str, str] = {}
    while todo:
        module = todo.pop()
        if module.__name__ not in seen and (file := getattr(module, "__file__", None)):
            seen[module.__name__] = _tree_digest(Path(file), Path(file).stat().st_mtime_ns)
            todo += _imported(module, Path(file))
    text = "\n".join(f"{name} {code}" for name, code in sorted(seen.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _counts(name: str) -> bool:
    return name.split(".")[0] in PACKAGES or name.startswith("plugin_") or _is_local(sys.modules.get(name))


def _is_local(module: ModuleType | None) -> bool:
    """Tell modules beside a person's own code from installed ones."""
    file = getattr(module, "__file__", None)
    return bool(file) and "site-packages" not in str(file) and not str(file).startswith(sys.base_prefix)


@functools.cache
def _tree_digest(file: Path, modified: int) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _imported(module: ModuleType, file: Path) -> Iterator[ModuleType]:
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for name in _imported_names(file, package, file.stat().st_mtime_ns):
        if _counts(name) and name in sys.modules and name != "registry":
            yield sys.modules[name]


@functools.cache
def _imported_names(file: Path, package: str, modified: int) -> tuple[str, ...]:
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            stem = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            base = ".".join(part for part in (stem, node.module) if part)
            names += [base, *(f"{base}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(names))


def versions(value: type) -> list[str]:
    """Return "name version" of the distributions that a class comes from; none for a person's own module."""
    names = _distributions().get(value.__module__.split(".")[0], ())
    return [f"{name} {importlib.metadata.version(name)}" for name in sorted(set(names))]


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def source_file(value: type) -> str:
    """Return the path of the file in which `value` is defined, relative to the project where it is inside."""
    file = Path(inspect.getfile(value)).resolve()
    return str(file.relative_to(ROOT)) if file.is_relative_to(ROOT) else str(file)
