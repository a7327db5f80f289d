"""Named classes of one kind, and the specs that choose among them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from .errors import suggestion
from .origin import BUILT_IN, BUILT_IN_PACKAGES, Origin, current_origin
from .spec import REGISTRIES, Choice, Setting, Settings, Spec, SpecError, settings_of, split, with_article

T = TypeVar("T")


class Registered:
    """What every contract has in common."""

    also_set: ClassVar[tuple[str, ...]] = ()
    """Arguments, true or false, that the contract fixes and that can be set as well: true only where both say so."""

    @classmethod
    def depends_on(cls, settings: Settings) -> tuple[type, ...]:
        """Return the classes that these settings bring in beside registered ones, so that trial keys cover them."""
        return ()


@dataclass(frozen=True)
class Entry(Generic[T]):
    name: str
    value: type[T]
    origin: Origin


class Registry(Generic[T]):
    """Named classes of one kind.

    The modules of `package` are built in: the module `name` registers the class called `name`, and is imported when
    that is looked up. A module that cannot be imported is listed in `unavailable` with its error, and the rest works.
    Without a package, the entries are those that have been registered. `positional` and `fixed` are the arguments that
    the contract fixes, so that all others of a constructor are settings. `properties` are the class attributes by
    which entries are described in results.
    """

    def __init__(
        self,
        kind: str,
        package: str | None = None,
        *,
        positional: int = 0,
        fixed: Sequence[str] = (),
        properties: Sequence[str] = (),
    ) -> None:
        self.kind = kind
        self.unavailable: dict[str, str] = {}
        self._package = package
        self._positional, self._fixed, self._properties = positional, tuple(fixed), tuple(properties)
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = package is None
        REGISTRIES[kind] = self

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Register the decorated class under `name` and return it unchanged.

        Raises ValueError where the name is taken.
        """

        def add(value: type[T]) -> type[T]:
            # By its module, since a plug-in may be the first to import a built-in one.
            built_in = value.__module__.startswith((*BUILT_IN_PACKAGES, f"{self._package}."))
            if not built_in:
                self._import(name)  # first, or a plug-in could take a built-in name that nobody has looked up yet
            taken = self._entries.get(name)
            if taken is not None:
                raise ValueError(f"{self.kind} '{name}' is already registered, by {taken.origin.source}")
            self._entries[name] = Entry(name, value, BUILT_IN if built_in else current_origin.get())
            return value

        return add

    def entry(self, name: str) -> Entry[T]:
        """Return the entry called `name`; SpecError with the nearest name where there is none."""
        self._import(name)
        if name not in self._entries:
            self._load()
            broken = f" (it could not be imported: {self.unavailable[name]})" if name in self.unavailable else ""
            raise SpecError(f"unknown {self.kind} '{name}'{broken}.{suggestion(name, self._entries)}")
        return self._entries[name]

    def entries(self) -> list[Entry[T]]:
        self._load()
        return [self._entries[name] for name in sorted(self._entries)]

    def plugins(self) -> list[Entry[T]]:
        """Return the entries that did not come with the project."""
        return [entry for entry in self.entries() if entry.origin.is_plugin]

    def spec(self, choice: Choice, beside: Sequence[str] = ()) -> Spec:
        """Read a choice and complete it. Raises SpecError where a name, a setting or its type is wrong.

        `beside` are keys that the caller reads itself: they stay in what was given, and are no settings.
        """
        if isinstance(choice, Spec):
            if choice.kind != self.kind:
                raise SpecError(f"{with_article(self.kind)} was expected, and '{choice.name}' is a {choice.kind}")
            return choice
        name, given = split(choice, self.kind)
        known = self.settings(self.entry(name).value)
        owner = f"{self.kind} '{name}'"
        for key in given:
            if known is not None and key not in known and key not in beside:
                hint = suggestion(str(key), [*known, *beside]) or " It has none."
                raise SpecError(f"{owner} has no setting '{key}'.{hint}", (name, key))
        own = {key: value for key, value in given.items() if key not in beside}
        return Spec(self.kind, name, self._completed(name, known, own), given)

    def _completed(self, name: str, known: dict[str, Setting] | None, given: Settings) -> Settings:
        if known is None:
            return dict(given)
        settings = {}
        for key, setting in known.items():
            if setting.required and key not in given:
                raise SpecError(f"{self.kind} '{name}' needs the setting '{key}'", (name,))
            try:
                settings[key] = setting.checked(given.get(key, setting.default), f"{self.kind} '{name}'")
            except SpecError as error:
                raise error.inside(name, key) from None
        return settings

    def build(self, choice: Choice, *arguments: object, **fixed: object) -> T:
        """Construct what was chosen, with the arguments that its contract fixes. Raises SpecError as `spec` does."""
        if isinstance(choice, type):
            return choice(*arguments, **fixed)  # type: ignore[no-any-return]
        return self.spec(choice).build(*arguments, **fixed)  # type: ignore[no-any-return]

    def settings(self, value: type) -> dict[str, Setting] | None:
        """Return what can be set of a class of this kind; None where it takes any name."""
        also_set: tuple[str, ...] = getattr(value, "also_set", ())
        return settings_of(value, self._positional, [name for name in self._fixed if name not in also_set])

    def parts(self, value: type) -> dict[str, Setting]:
        """Return the settings of a class that are parts, by the kind of part."""
        settings = (self.settings(value) or {}).values()
        return {setting.registry.kind: setting for setting in settings if setting.registry is not None}

    def properties(self, value: type) -> dict[str, Any]:
        """Return what a class of this kind declares of itself."""
        return {name: getattr(value, name) for name in self._properties}

    @property
    def template(self) -> Path | None:
        """The file that `make new` starts a plug-in of this kind from; None where there is none."""
        if self._package is None:
            return None
        file = Path(importlib.import_module(self._package).__path__[0]) / "template.txt"
        return file if file.is_file() else None

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
        if self._loaded or self._package is None:
            return
        self._loaded = True  # first, since the modules imported below look up their own registry
        package = importlib.import_module(self._package)
        for info in pkgutil.iter_modules(package.__path__):
            self._import(info.name)

    def _import(self, name: str) -> None:
        """Import the built-in module called `name`, if there is one."""
        if self._package is None or name in self._entries or name in self.unavailable or not name.isidentifier():
            return
        path = f"{self._package}.{name}"
        try:
            if importlib.util.find_spec(path) is not None:
                importlib.import_module(path)
        except Exception as error:
            self.unavailable[name] = f"{type(error).__name__}: {error}"
