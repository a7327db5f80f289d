"""Suite files, which are data: what to run. Every error names file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import (
    ValidationError,
)
from pydantic_core import ErrorDetails

from registry import UserError, suggestion

from .schema import Limits, Match, Suite, Training


class SuiteFile:
    """A suite and its file, for the line of each error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root, data = _parse(path)
        try:
            self.suite = Suite.model_validate(data)
        except ValidationError as error:
            # A misspelt key is also a missing key, and the suggestion of the right one helps more.
            mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
            raise self._explain(mistakes[0]) from None
        if self.suite.match and "width" in self.suite.train.model_fields_set:
            sentence = "train.width and match cannot be given together, because match sets the widths; leave one out"
            raise self.error(("train", "width"), sentence)

    def error(self, where: Sequence[str | int], sentence: str) -> UserError:
        """Return an error with the line of the entry at `where`, a path of keys and indices."""
        return UserError(f"{self.path}:{_line(self._root, where)}: {sentence}")

    def plugin_specs(self) -> list[str]:
        """Return the plug-ins of the suite. Paths of files are relative to the suite."""
        return [str(self.path.parent / spec) if spec.endswith(".py") else spec for spec in self.suite.plugins]

    def _explain(self, error: ErrorDetails) -> UserError:
        where = error["loc"]
        key = ".".join(map(str, where)) or "the file"
        match error["type"]:
            case "extra_forbidden":
                keys: Any = Suite
                if len(where) > 1:
                    keys = {"train": Training, "limits": Limits, "match": Match}.get(str(where[0]), Suite)
                return self.error(where, f"unknown key '{key}'.{suggestion(str(where[-1]), keys.model_fields)}")
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
        near = suggestion(path.name, [p.name for p in path.parent.glob("*.yaml")]) if path.parent.is_dir() else ""
        raise UserError(f"suite file {path} does not exist.{near}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"suite file {path} cannot be read: {error}") from None
    try:
        # SafeLoader makes plain values only. The tree of nodes has the lines.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UserError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}:1: a suite is a mapping with the keys {', '.join(Suite.model_fields)}")
    return root, data


def _line(node: yaml.Node | None, where: Sequence[str | int]) -> int:
    """Return the line, from 1, of the deepest part of `where` that is in the file."""
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
    return None
