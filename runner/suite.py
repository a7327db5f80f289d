"""Suite files: what to run, as data. Every mistake in one is named with its file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from registry import UserError, nearest

from .recipe import Recipe


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Strict):
    """A name, or a name with settings: `lstm`, or `{transformer: {layers: 2}}`."""

    name: str
    settings: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, dict):
                return {"name": str(name), "settings": settings or {}}
        raise ValueError("expected a name, or one name with its settings as {name: {setting: value}}")


class Limits(_Strict):
    """What one cell may use: wall seconds, and bytes of memory."""

    seconds: PositiveFloat = 600.0
    memory: ByteSize = ByteSize(8 * 10**9)


class Match(_Strict):
    """What is equal for all mechanisms in the width's stead: each gets the width that comes nearest to it.

    The parameters are those of the mixing part alone, without embeddings and readout.
    """

    parameters: PositiveInt


class Suite(_Strict):
    """A suite file, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seeds: Annotated[int, Field(ge=1)] = 1
    mechanisms: Annotated[tuple[Choice, ...], Field(min_length=1)]
    tasks: tuple[Choice, ...] = ()
    train: Recipe = Recipe()
    match: Match | None = None
    probes: Annotated[tuple[Choice, ...], Field(min_length=1)]
    limits: Limits = Limits()
    plugins: tuple[str, ...] = ()


class SuiteFile:
    """A suite with the file it came from, to name the line of what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root, data = _parse(path)
        try:
            self.suite = Suite.model_validate(data)
        except ValidationError as error:
            # A misspelt key is also a missing one, and the nearest name says more.
            mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
            raise self._explain(mistakes[0]) from None
        if self.suite.match and "width" in self.suite.train.model_fields_set:
            sentence = "train.width is given beside match, which finds each mechanism's width; leave one of them out"
            raise self.error(("train", "width"), sentence)

    def error(self, where: Sequence[str | int], sentence: str) -> UserError:
        """Return the error that says `sentence` of the entry at `where`, a path of keys and indices."""
        return UserError(f"{self.path}:{_line(self._root, where)}: {sentence}")

    def plugin_specs(self) -> list[str]:
        """Return the suite's plugins; a file's path is relative to the suite."""
        return [str(self.path.parent / spec) if spec.endswith(".py") else spec for spec in self.suite.plugins]

    def _explain(self, error: ErrorDetails) -> UserError:
        where = error["loc"]
        key = ".".join(str(part) for part in where if part != "settings") or "the file"
        match error["type"]:
            case "extra_forbidden":
                keys: Any = Suite
                if len(where) > 1:
                    keys = {"train": Recipe, "limits": Limits, "match": Match}.get(str(where[0]), Suite)
                return self.error(where, f"unknown key '{key}'.{nearest(str(where[-1]), keys.model_fields)}")
            case "missing":
                return self.error(where[:-1], f"the key '{key}' is missing")
        message = error["msg"].removeprefix("Value error, ")
        given = error["input"]
        shown = "" if isinstance(given, dict | list) else f", not {given!r}"
        return self.error(where, f"{key}: {message[0].lower()}{message[1:]}{shown}")


def _parse(path: Path) -> tuple[yaml.Node | None, object]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = nearest(path.name, [p.name for p in path.parent.glob("*.yaml")]) if path.parent.is_dir() else ""
        raise UserError(f"there is no suite file {path}.{near}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the suite file {path} cannot be read: {error}") from None
    try:
        # SafeLoader makes plain values only; the node tree beside them knows the lines.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: this is not YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}:1: a suite is a mapping with the keys {', '.join(Suite.model_fields)}")
    return root, data


def _line(node: yaml.Node | None, where: Sequence[str | int]) -> int:
    """Return the 1-based line of the deepest part of `where` that stands in the file."""
    line = 1
    for part in where:
        step = _child(node, part)
        if step is not None:
            node, line = step
    return line


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part].start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
            # {name: {setting: value}} is read as name and settings: step into it.
            if part == "settings" and len(node.value) == 1:
                return value, key.start_mark.line + 1
    return None
