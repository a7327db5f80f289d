"""Specs: the choice of a registered class, with its complete settings and those that were given."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_origin

from .errors import UserError, written

if TYPE_CHECKING:
    from .registry import Registry

Settings: TypeAlias = Mapping[str, Any]

REGISTRIES: dict[str, Registry[Any]] = {}
"""All registries by kind, in which a spec finds its own."""

FIELDS = {"kind", "name", "settings", "given"}


@dataclass(frozen=True, eq=False)
class Spec:
    """One choice of a kind ("model", "task", ...): a registered name and its settings.

    `settings` are complete, with default values; a setting that is a part is a Spec itself. `given` are the settings
    that were given, as they were written. Specs with equal settings are equal, however they were written.
    """

    kind: str
    name: str
    settings: Settings = field(default_factory=dict)
    given: Settings = field(default_factory=dict)

    @property
    def registry(self) -> Registry[Any]:
        return REGISTRIES[self.kind]

    @property
    def value(self) -> type[Any]:
        """The class that is registered under the name."""
        return self.registry[self.name]

    def build(self, *arguments: object, **fixed: object) -> Any:
        """Construct the object from the settings and the arguments that its contract fixes.

        A boolean that is both a setting and fixed by the contract is true only if both are.
        """
        both = {key: fixed[key] and self.settings[key] for key in fixed.keys() & self.settings.keys()}
        return self.value(*arguments, **{**fixed, **self.settings, **both})

    def changed(self) -> list[Any]:
        """Return the name, and the settings that differ from their defaults, as plain values."""
        known = self.registry.settings(self.value) or {}
        changed = {key: value for key, value in self.settings.items() if not _is_default(value, known.get(key))}
        return [self.name, {key: v.changed() if isinstance(v, Spec) else v for key, v in changed.items()}]

    def parts(self) -> dict[str, Spec]:
        """Return the settings that are parts, by name."""
        return {key: value for key, value in self.settings.items() if isinstance(value, Spec)}

    def walk(self) -> Iterator[Spec]:
        """Yield the spec, its parts, and theirs."""
        yield self
        for part in self.parts().values():
            yield from part.walk()

    def to_json(self) -> dict[str, Any]:
        settings = {key: value.to_json() if isinstance(value, Spec) else value for key, value in self.settings.items()}
        given = {key: value.to_json() if isinstance(value, Spec) else value for key, value in self.given.items()}
        return {"kind": self.kind, "name": self.name, "settings": settings, "given": given}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        settings = {key: cls.from_json(value) if is_spec(value) else value for key, value in data["settings"].items()}
        return cls(data["kind"], data["name"], settings, data["given"])

    @cached_property
    def identity(self) -> str:
        """Kind, name and settings as one text, which is equal for equal specs."""
        settings = {key: value.identity if isinstance(value, Spec) else value for key, value in self.settings.items()}
        return json.dumps([self.kind, self.name, settings], sort_keys=True, default=repr)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and other.identity == self.identity

    def __hash__(self) -> int:
        return hash(self.identity)

    def __str__(self) -> str:
        return self.name


Choice: TypeAlias = str | type | Mapping[str, Any] | Spec
"""A name, {name: {setting: value}}, a spec, or a class that need not be registered."""


class SpecError(UserError):
    """A choice with a mistake; `where` are the keys that lead to it."""

    def __init__(self, sentence: str, where: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.where = where

    def inside(self, *keys: str) -> SpecError:
        return SpecError(str(self), (*keys, *self.where))


def is_spec(value: object) -> bool:
    """Return whether a value from JSON is a spec."""
    return isinstance(value, Mapping) and value.keys() == FIELDS


@dataclass(frozen=True)
class Setting:
    """A parameter of a constructor that can be set. `registry` is that of its part, None if it is no part."""

    name: str
    annotation: Any
    default: Any
    registry: Registry[Any] | None

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def takes_a_list(self) -> bool:
        return any(_is_list(each) for each in (self.annotation, *get_args(self.annotation)))

    @property
    def expected(self) -> str:
        """The type of the setting in words, or "" if its annotation has none."""
        return in_words(self.annotation)

    def checked(self, value: Any, owner: str) -> Any:
        """Return the value in the type of the annotation (4 as 4.0 for a float). Raises SpecError for another type."""
        if self.registry is not None:
            # A class need not be registered if code, and not a suite, builds the object.
            return value if value is None or isinstance(value, type) else self.registry.spec(value)
        check = _adapter(self.annotation)
        if check is None:
            return value
        from pydantic import ValidationError

        try:
            return check.validate_python(value, strict=True)
        except ValidationError:
            expected = f"; {self.expected} was expected" if self.expected else ""
            raise SpecError(f"{owner}: {self.name} is {written(value)}{expected}") from None


def _is_default(value: Any, setting: Setting | None) -> bool:
    if setting is None or setting.required:
        return False
    if isinstance(value, Spec):
        if not isinstance(setting.default, str | Mapping):
            return False
        # A part with another name is not compared with the default, because that would load the module of the default.
        named = split(setting.default, value.kind)[0] == value.name
        return named and value == value.registry.spec(setting.default)
    default = setting.default if setting.registry is not None else setting.checked(setting.default, setting.name)
    return json.dumps(value, sort_keys=True, default=repr) == json.dumps(default, sort_keys=True, default=repr)


def split(choice: object, kind: str) -> tuple[str, Settings]:
    """Return name and settings of a choice, `name` or `{name: {setting: value}}`. Raises SpecError for other forms."""
    if isinstance(choice, str):
        return choice, {}
    if isinstance(choice, Mapping) and len(choice) == 1:
        ((name, settings),) = choice.items()
        if settings is None or isinstance(settings, Mapping):
            return str(name), dict(settings or {})
    sentence = "a name, or one name with its settings as {name: {setting: value}}, was expected"
    raise SpecError(f"{with_article(kind)} is {written(choice)}; {sentence}")


def with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def settings_of(value: type, positional: int, fixed: Sequence[str]) -> dict[str, Setting] | None:
    """Return the settings of a class, without the arguments that its contract fixes; None if it accepts any."""
    return _settings_of(value, positional, tuple(fixed))


@cache
def _settings_of(value: type, positional: int, fixed: tuple[str, ...]) -> dict[str, Setting] | None:
    try:
        parameters = list(inspect.signature(value, eval_str=True).parameters.values())
    except NameError:  # an annotation with a name that is imported only for type checkers
        parameters = list(inspect.signature(value).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {
        p.name: Setting(p.name, p.annotation, p.default, _registry(p.annotation))
        for p in parameters[positional:]
        if p.name not in fixed and p.kind is not p.VAR_POSITIONAL
    }


def _registry(annotation: Any) -> Registry[Any] | None:
    """Return the registry in Annotated[Choice, REGISTRY], None for other annotations."""
    return next((each for each in getattr(annotation, "__metadata__", ()) if hasattr(each, "spec")), None)


@cache
def _adapter(annotation: Any) -> Any:
    """Return an adapter that checks values against an annotation, None if that cannot be checked."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError

    if annotation in (inspect.Parameter.empty, Any) or isinstance(annotation, str):
        return None
    try:
        return TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError):
        return None


WORDS: dict[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "values true or false"),
    str: ("a word", "words"),
}


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation) or annotation
    return isinstance(origin, type) and issubclass(origin, Sequence) and origin is not str


def in_words(annotation: Any) -> str:
    """Return "a whole number" for int, "a list of words" for Sequence[str], and "" for types without a name here."""
    if annotation in WORDS:
        return WORDS[annotation][0]
    members = [each for each in get_args(annotation) if each is not type(None) and each is not ...]
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return f"a list of {WORDS[members[0]][1]}" if members and members[0] in WORDS else "a list"
    if not members:
        return ""
    names = [in_words(each) for each in members]
    if type(None) in get_args(annotation):
        names.append("null")
    return " or ".join(names) if all(names) else ""
