"""Named classes of one kind, and the specs that choose among them."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from .checks import Check, Result, run_checks
from .docstring import source_of
from .errors import UserError, suggestion, written
from .names import problem
from .origin import BUILT_IN, BUILT_IN_PACKAGES, Origin, current_origin, failed_plugins
from .plain import require_plain
from .spec import REGISTRIES, Choice, Setting, Settings, Spec, SpecError, settings_of, split, with_article

T = TypeVar("T")


class Registered:
    """What every contract has in common."""

    also_set: ClassVar[tuple[str, ...]] = ()
    """Boolean arguments that the contract fixes and that are settings, too: they are true only if both are."""

    renamed: ClassVar[Mapping[str, str]] = {}
    """The new names of renamed settings, by their old names. An old name is an error that names the new one."""

    @classmethod
    def depends_on(cls, settings: Settings) -> tuple[type, ...]:
        """Return the classes that these settings use besides registered ones, so that keys of trials cover them."""
        return ()


@dataclass(frozen=True)
class Entry(Generic[T]):
    name: str
    value: type[T]
    origin: Origin


class Registry(Generic[T]):
    """Named classes of one kind.

    The built-in classes are in the modules of `package`: the module `name` registers the class called `name`, and is
    imported when the name is looked up. A module that cannot be imported is in `unavailable` with its error, and the
    others still work. Without a package, the entries are the registered classes only. `positional` is the number of
    positional arguments, and `fixed` are the keyword arguments, that the contract fixes; the others are settings.
    `properties` are the class attributes that describe entries in results. `checks` is the module with the
    checks of this kind, which `check` imports. `of_files` says that files are called as the entries are.
    """

    def __init__(
        self,
        kind: str,
        package: str | None = None,
        *,
        positional: int = 0,
        fixed: Sequence[str] = (),
        properties: Sequence[str] = (),
        checks: str | None = None,
        of_files: bool = False,
    ) -> None:
        self.kind = kind
        self._of_files = of_files
        self.unavailable: dict[str, str] = {}
        self._package, self._checks = package, checks
        self._positional, self._fixed, self._properties = positional, tuple(fixed), tuple(properties)
        self._entries: dict[str, Entry[T]] = {}
        self._loaded = package is None
        REGISTRIES[kind] = self

    def register(self, name: str) -> Callable[[type[T]], type[T]]:
        """Register the decorated class under `name` and return it unchanged.

        Raises ValueError if the name is not accepted or already registered.
        """
        if (wrong := problem(name, of_files=self._of_files)) is not None:
            raise ValueError(f"the {self.kind} name {written(name)} {wrong}")

        def add(value: type[T]) -> type[T]:
            # Decided by the module, because a plug-in may be the first to import a built-in one.
            built_in = value.__module__.startswith((*BUILT_IN_PACKAGES, f"{self._package}."))
            if not built_in:
                require_plain(f"{self.kind} '{name}'", value, self._properties)
                self._import(name)  # first, or a plug-in could take the name of a built-in class that is not loaded yet
            taken = self._entries.get(name)
            if taken is not None:
                raise ValueError(f"{self.kind} '{name}' is already registered, by {taken.origin.source}")
            if self._of_files:
                self._tell_apart(name)
            self._entries[name] = Entry(name, value, BUILT_IN if built_in else current_origin.get())
            return value

        return add

    def _tell_apart(self, name: str) -> None:
        """Refuse a name whose files would replace those of another entry where capital letters do not count."""
        self._import(name.casefold())
        for known in self._entries:
            if known != name and known.casefold() == name.casefold():
                reason = f"differs from '{known}' in capital letters only, but files are called so"
                raise ValueError(f"the {self.kind} name '{name}' {reason}")

    def entry(self, name: str) -> Entry[T]:
        """Return the entry called `name`. Raises SpecError, with a suggestion, if there is none."""
        self._import(name)
        if name not in self._entries:
            self._load()
            raise SpecError(f"unknown {self.kind} {self._named(name)}.{suggestion(name, self._entries)}")
        return self._entries[name]

    def _named(self, name: str) -> str:
        """Return an unknown name, with the error of the module or plug-in that failed to register it."""
        reason = self.unavailable.get(name) or failed_plugins.get(name)
        return f"{written(name)} (it could not be imported: {reason})" if reason else written(name)

    def entries(self) -> list[Entry[T]]:
        self._load()
        return [self._entries[name] for name in sorted(self._entries)]

    def plugins(self) -> list[Entry[T]]:
        """Return the entries that are plug-ins."""
        return [entry for entry in self.entries() if entry.origin.is_plugin]

    def spec(self, choice: Choice, beside: Sequence[str] = ()) -> Spec:
        """Read a choice and complete its settings. Raises SpecError if a name, a setting or its type is wrong.

        `beside` are keys that are not settings, and that the caller reads itself. They remain in `given`.
        """
        if isinstance(choice, Spec):
            if choice.kind != self.kind:
                raise SpecError(
                    f"{with_article(self.kind)} was expected, but '{choice.name}' is {with_article(choice.kind)}"
                )
            return choice
        name, given = split(choice, self.kind)
        value = self.entry(name).value
        known = self.settings(value)
        for key in given:
            if known is not None and key not in known and key not in beside:
                raise self._unknown_setting(name, value, str(key), [*known, *beside])
        own = {key: value for key, value in given.items() if key not in beside}
        return Spec(self.kind, name, self._completed(name, known, own), given)

    def _unknown_setting(self, name: str, value: type, key: str, known: Sequence[str]) -> SpecError:
        renamed: Mapping[str, str] = getattr(value, "renamed", {})
        if key in renamed:
            hint = f": it is called '{renamed[key]}' now."
        else:
            hint = f".{suggestion(key, known) or ' It has none.'}"
        return SpecError(f"{self.kind} '{name}' has no setting {written(key)}{hint}", (name, key))

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
        """Construct the chosen class, with the arguments that its contract fixes. Raises SpecError as `spec` does."""
        if isinstance(choice, type):
            return choice(*arguments, **fixed)  # type: ignore[no-any-return]
        return self.spec(choice).build(*arguments, **fixed)  # type: ignore[no-any-return]

    def settings(self, value: type) -> dict[str, Setting] | None:
        """Return the settings of a class of this kind, None if it accepts any."""
        also_set: tuple[str, ...] = getattr(value, "also_set", ())
        return settings_of(value, self._positional, [name for name in self._fixed if name not in also_set])

    def parts(self, value: type) -> dict[str, Setting]:
        """Return the settings of a class whose values are parts, by the kind of part."""
        settings = (self.settings(value) or {}).values()
        return {setting.registry.kind: setting for setting in settings if setting.registry is not None}

    def properties(self, value: type) -> dict[str, Any]:
        """Return the declared properties of a class of this kind, and the source in its docstring."""
        return {"source": source_of(value), **{name: getattr(value, name) for name in self._properties}}

    @property
    def template(self) -> Path | None:
        """The file that `make new` starts a plug-in of this kind from; None where there is none."""
        if self._package is None:
            return None
        file = Path(importlib.import_module(self._package).__path__[0]) / "template.txt"
        return file if file.is_file() else None

    def checks(self) -> Sequence[Check]:
        """Return the checks of a class of this kind, in order. Raises UserError if there are none."""
        return tuple(self._conformance().CHECKS)

    def check(self, value: type) -> Iterator[Result]:
        """Yield the result of every check that applies to a class, until one that the others need fails."""
        conformance = self._conformance()
        # A module whose checks use random numbers says how they are seeded.
        yield from run_checks(conformance.CHECKS, value, getattr(conformance, "isolated", nullcontext))

    def _conformance(self) -> Any:
        if self._checks is None:
            raise UserError(f"there are no checks for {with_article(self.kind)}")
        return importlib.import_module(self._checks)

    def __getitem__(self, name: str) -> type[T]:
        return self.entry(name).value

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._entries))

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._entries

    def forget(self, name: str) -> None:
        """Remove an entry, for tests."""
        self._entries.pop(name, None)

    def forget_all_of(self, origin: Origin) -> None:
        """Remove what an origin has registered, such as a plug-in whose import failed."""
        for name in [name for name, entry in self._entries.items() if entry.origin == origin]:
            del self._entries[name]

    def _load(self) -> None:
        if self._loaded or self._package is None:
            return
        self._loaded = True  # first, because the modules imported below use their registry
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
