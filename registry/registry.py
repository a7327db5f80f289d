"""Named classes of one kind."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from .errors import UserError, suggestion
from .origin import BUILT_IN, Origin, _origin

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    name: str
    value: type[T]
    origin: Origin


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
            raise UserError(f"unknown {self.kind} '{name}'{broken}.{suggestion(name, self._entries)}")
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

    @property
    def template(self) -> Path | None:
        """The file that `make new` starts a plug-in of this kind from; None where there is none."""
        file = Path(importlib.import_module(self._package).__path__[0]) / "template.txt"
        return file if file.is_file() else None

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
