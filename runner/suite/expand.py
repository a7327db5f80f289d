"""The specs of the entries of a suite: settings are checked, and each value in a list makes a spec of its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from registry import Registry, Setting, Spec, SpecError
from registry.spec import split

from ..training import seeds
from .file import SuiteFile

PLUGINS = "plugins"
"""In a suite, the name of all plug-ins of a kind together."""

LARGEST = 1_000_000
"""The largest whole number among the settings of what is built in: with a larger one, nothing could be trained."""

MOST_CHOICES = 1000  # of one entry with all its lists

Where: TypeAlias = tuple[str | int, ...]
"""The keys and indices of an entry in the file."""


class Expansion:
    """Reads the entries of one kind in a suite file. Raises UserError with the line of a mistake.

    `beside` are the keys of an entry that are not settings; lists under the keys in `whole` are not swept.
    """

    def __init__(
        self, file: SuiteFile, registry: Registry[Any], beside: Sequence[str] = (), whole: Sequence[str] = ()
    ) -> None:
        self.file, self.registry, self.beside, self.whole = file, registry, tuple(beside), tuple(whole)

    def choices(self, entry: object, where: Where) -> Iterator[tuple[str, dict[str, Any], Where]]:
        """Yield name, settings and place of every combination of an entry."""
        name, settings = split(entry, self.registry.kind)
        for one in [each.name for each in self.registry.plugins()] if name == PLUGINS else [name]:
            at = (*where, name)
            try:
                known = self.registry.settings(self.registry[one]) or {}
            except SpecError as error:
                raise self.file.error(at, str(error)) from None
            for combination in self._swept(settings, known, at):
                yield one, combination, at

    def specs(self, entry: object, where: Where) -> Iterator[tuple[Spec, Where]]:
        for name, settings, at in self.choices(entry, where):
            yield self.spec(name, settings, at), at

    def spec(self, name: str, settings: Mapping[str, Any], where: Where) -> Spec:
        try:
            spec = self.registry.spec({name: settings}, self.beside)
            check_sizes(spec)
        except SpecError as error:
            raise self.file.error((*where, *error.where[1:]), str(error)) from None
        return spec

    def build(self, spec: Spec, where: Where, *arguments: object) -> Any:
        """Construct the object, to check that this is possible."""
        try:
            with seeds.scoped("plan"):
                return spec.build(*arguments)
        except (ValueError, TypeError) as error:
            raise self.file.error(where, f"{spec.name}: {first_line(error)}") from None

    def _swept(
        self, settings: Mapping[str, Any], known: Mapping[str, Setting], where: Where
    ) -> Iterator[dict[str, Any]]:
        """Yield every combination of the values in lists, except for settings that are lists themselves."""
        swept = {}
        for key, value in settings.items():
            setting = known.get(key)
            if not isinstance(value, list) or key in self.whole or not _is_sweep(value, setting):
                continue
            if not value:
                raise self.file.error((*where, key), f"{key} is an empty list; leave it out or give it a value")
            swept[key] = _with_plugins(value, setting)
        count = math.prod(map(len, swept.values()))
        if count > MOST_CHOICES:
            sentence = f"the lists have {count:,} combinations; at most {MOST_CHOICES:,} were expected in one entry"
            raise self.file.error(where, sentence)
        for values in itertools.product(*swept.values()):
            yield {**settings, **dict(zip(swept, values, strict=True))}


def check_sizes(spec: Spec) -> None:
    """Raise SpecError for a whole number beyond `LARGEST` in the settings of a built-in class or a built-in part."""
    own = {} if spec.registry.entry(spec.name).origin.is_plugin else spec.settings
    for key, value in own.items():
        for number in value if isinstance(value, list | tuple) else [value]:
            if isinstance(number, int) and abs(number) > LARGEST:
                sentence = f"{spec.kind} '{spec.name}': {key} is {number}; at most {LARGEST:,} was expected"
                raise SpecError(sentence, (spec.name, key))
    for key, part in spec.parts().items():
        try:
            check_sizes(part)
        except SpecError as error:
            raise error.inside(spec.name, key) from None


def _is_sweep(value: list[Any], setting: Setting | None) -> bool:
    takes_a_list = setting is not None and setting.takes_a_list
    return not takes_a_list or all(isinstance(each, list) for each in value)


def _with_plugins(value: list[Any], setting: Setting | None) -> list[Any]:
    """Replace the word "plugins" among the choices of a part by the names of all plug-ins of its kind."""
    if setting is None or setting.registry is None or PLUGINS not in value:
        return value
    named = [choice for choice in value if choice != PLUGINS]
    return named + [each.name for each in setting.registry.plugins() if each.name not in named]


def first_line(error: BaseException | None) -> str:
    return (str(error).splitlines() or ["it cannot be built"])[0]
