"""Registries of named classes, and the loading of plugins that add to them.

This is the ground floor: every package may import it, and it imports none of them (nor torch).
"""

from __future__ import annotations

import contextvars
import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

T = TypeVar("T")

ENTRY_POINTS = "attention_bench"
DISTRIBUTION = "distribution:"


class UserError(Exception):
    """What a person can mend: shown as one sentence with exit code 1, never as a stack trace."""


@dataclass(frozen=True)
class Origin:
    """Where a registered class comes from.

    `kind` is "built-in", "file", "module" or "package"; `source` the path, module or distribution;
    `version` the distribution's version or the digest of the file's content.
    """

    kind: str
    source: str
    version: str

    @property
    def is_plugin(self) -> bool:
        return self.kind != "built-in"

    @property
    def spec(self) -> str:
        """Return what `load_plugin` loads it by."""
        return f"{DISTRIBUTION}{self.source}" if self.kind == "package" else self.source


BUILT_IN = Origin("built-in", "attention-bench", "")
_origin: contextvars.ContextVar[Origin] = contextvars.ContextVar("origin", default=BUILT_IN)


@dataclass(frozen=True)
class Entry(Generic[T]):
    name: str
    value: type[T]
    origin: Origin


def nearest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the closest choice, or a list of the choices where none is close."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""


class Registry(Generic[T]):
    """Named classes of one kind; the modules of `package` are imported at the first look-up.

    A module that cannot be imported is listed in `unavailable` with its error, and the rest works.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.unavailable: dict[str, str] = {}
        self._package = package
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Register the decorated class under `name` and return it unchanged.

        Raises ValueError where the name is taken.
        """

        def add(value: type[T]) -> type[T]:
            if _origin.get().is_plugin:
                self._load()  # first, or a plugin could take a built-in name that nobody has looked up yet
            taken = self._entries.get(name)
            if taken is not None:
                raise ValueError(f"{self.kind} '{name}' is already registered, by {taken.origin.source}")
            self._entries[name] = Entry(name, value, _origin.get())
            return value

        return add

    def entry(self, name: str) -> Entry[T]:
        """Return the entry called `name`; UserError with the nearest name where there is none."""
        self._load()
        if name not in self._entries:
            broken = f" (it could not be imported: {self.unavailable[name]})" if name in self.unavailable else ""
            raise UserError(f"unknown {self.kind} '{name}'{broken}.{nearest(name, self._entries)}")
        return self._entries[name]

    def entries(self) -> list[Entry[T]]:
        self._load()
        return [self._entries[name] for name in sorted(self._entries)]

    def __getitem__(self, name: str) -> type[T]:
        return self.entry(name).value

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def forget(self, name: str) -> None:
        """Take a name out again: for tests, which must leave nothing behind."""
        self._entries.pop(name, None)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True  # first, since the modules imported below look up their own registry
        package = importlib.import_module(self._package)
        token = _origin.set(BUILT_IN)
        try:
            for info in pkgutil.iter_modules(package.__path__):
                try:
                    importlib.import_module(f"{self._package}.{info.name}")
                except Exception as error:
                    self.unavailable[info.name] = f"{type(error).__name__}: {error}"
        finally:
            _origin.reset(token)


def load_plugin(spec: str) -> Origin:
    """Import the plugin at a path ("my/score.py"), of a module name, or of an installed distribution.

    Returns its origin. Raises UserError where it does not exist or cannot be imported.
    """
    if spec.startswith(DISTRIBUTION):
        name = spec.removeprefix(DISTRIBUTION)
        for error in load_installed_plugins(name).values():
            raise UserError(error)
        return Origin("package", name, importlib.metadata.version(name))
    if spec.endswith(".py") or "/" in spec:
        path = Path(spec).resolve()
        if not path.is_file():
            raise UserError(f"plugin {spec}: no such file")
        origin = Origin("file", str(path), hashlib.sha256(path.read_bytes()).hexdigest()[:12])
        _import(origin, spec, lambda: _import_file(path))
    else:
        origin = Origin("module", spec, "")
        _import(origin, spec, lambda: importlib.import_module(spec))
    return origin


def load_installed_plugins(only: str | None = None) -> dict[str, str]:
    """Import the entry points in the group `attention_bench`, of one distribution or of all.

    Returns the errors of those that fail, by distribution.
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
    token = _origin.set(origin)
    try:
        load()
    except Exception as error:
        raise UserError(f"plugin {spec}: could not be imported: {type(error).__name__}: {error}") from error
    finally:
        _origin.reset(token)


def _import_file(path: Path) -> ModuleType:
    name = f"plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
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
