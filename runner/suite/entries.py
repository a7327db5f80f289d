"""What the entries of a suite have in common: a name, settings that are checked, and lists that are swept."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, TypeAlias, TypeVar

from mechanisms import hyperparameters
from registry import Entry, Registry, UserError, suggestion

from ..training import seeds
from .file import SuiteFile

T = TypeVar("T")

PLUGINS = "plugins"  # the word in a suite that stands for "all that did not come with the project"

Settings: TypeAlias = dict[str, Any]
Where: TypeAlias = tuple[str | int, ...]


class Entries:
    """Looks up and builds what one suite file names. Raises UserError naming the line of what is wrong."""

    def __init__(self, file: SuiteFile) -> None:
        self.file = file

    def entries(self, registry: Registry[T], name: str, where: Where) -> list[Entry[T]]:
        if name == PLUGINS:
            return plugins_of(registry)
        try:
            return [registry.entry(name)]
        except UserError as error:
            raise self.file.error(where, str(error)) from None

    def check_names(
        self, entry: Entry[Any], settings: Settings, positional: int, where: Where, extra: tuple[str, ...] = ()
    ) -> None:
        known = hyperparameters(entry.value, positional, {"causal": True})
        for key in settings:
            if known is not None and key not in known:
                near = suggestion(key, [*known, *extra]) or " It has none."
                raise self.file.error((*where, key), f"{entry.name} has no setting '{key}'.{near}")
            wrong = wrong_type(known[key].annotation, settings[key]) if known is not None else None
            if wrong is not None:
                raise self.file.error((*where, key), f"{entry.name}: {key} is {settings[key]!r}; {wrong} was expected")

    def construct(self, entry: Entry[T], settings: Settings, where: Where, *arguments: object) -> T:
        try:
            with seeds.scoped("plan"):
                return entry.value(*arguments, **settings)
        except (ValueError, TypeError, UserError) as error:
            raise self.file.error(where, f"{entry.name}: {first_line(error)}") from None


def plugins_of(registry: Registry[T]) -> list[Entry[T]]:
    return [entry for entry in registry.entries() if entry.origin.is_plugin]


def sweep(settings: Settings, keep: tuple[str, ...] = ()) -> Iterator[Settings]:
    """Yield every combination of the values that are lists, except of the keys in `keep`."""
    swept = [key for key, value in settings.items() if isinstance(value, list) and key not in keep]
    for values in itertools.product(*(settings[key] for key in swept)):
        yield {**settings, **dict(zip(swept, values, strict=True))}


def first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or ["it cannot be built"])[0]


def wrong_type(annotation: Any, value: Any) -> str | None:
    """Return what was expected where a plainly annotated setting got something else."""
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    types: dict[str, tuple[tuple[type, ...], str]] = {
        "int": ((int,), "a whole number"),
        "float": ((int, float), "a number"),
        "bool": ((bool,), "true or false"),
        "str": ((str,), "a word"),
    }
    if name not in types:
        return None
    accepted, expected = types[name]
    return None if isinstance(value, accepted) and (name == "bool" or not isinstance(value, bool)) else expected
