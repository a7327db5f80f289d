"""Suite files, which are data: what to run. Every error names file, line and key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from registry import UserError, suggestion
from registry.errors import shorten, written
from registry.plugins import missing

from .reader import Node, ReadError, line_of, read
from .schema import Keep, Limits, Match, Suite, Training

LARGEST = 2**18  # bytes; more is no suite, and reading it would take minutes
NESTED: dict[str, type[BaseModel]] = {"train": Training, "limits": Limits, "match": Match, "keep": Keep}


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
            raise self._explain(mistakes[0], data) from None
        if self.suite.match and "width" in self.suite.train.model_fields_set:
            sentence = "train.width and match cannot be given together, because match sets the widths; leave one out"
            raise self.error(("train", "width"), sentence)

    def error(self, where: Sequence[str | int], sentence: str) -> UserError:
        """Return an error with the line of the entry at `where`, a path of keys and indices."""
        return UserError(f"{shorten(self.path)}:{line_of(self._root, where)}: {sentence}")

    def plugin_specs(self) -> list[str]:
        """Return the plug-ins of the suite, paths relative to it. Raises UserError if one does not exist."""
        found = []
        for index, spec in enumerate(self.suite.plugins):
            found.append(str(self.path.parent / spec) if spec.endswith(".py") else spec)
            if (problem := missing(found[-1])) is not None:
                raise self.error(("plugins", index), f"plug-in {shorten(spec)}: {problem}")
        return found

    def _explain(self, error: ErrorDetails, data: Any) -> UserError:
        where = error["loc"]
        match error["type"]:
            case "extra_forbidden":
                known = NESTED.get(str(where[0]), Suite) if len(where) > 1 else Suite
                key = written(".".join(map(str, where)))
                return self.error(where, f"unknown key {key}.{suggestion(str(where[-1]), known.model_fields)}")
            case "missing":
                return self.error(where[:-1], f"the key '{'.'.join(map(str, where))}' is missing")
            case "value_error":
                return self.error(where, error["msg"].removeprefix("Value error, "))
        key = ".".join(part for part in where if isinstance(part, str))
        for part in where[:-1]:
            data = data[part]
        is_or_has = "contains" if isinstance(data, list) else "is"
        return self.error(where, f"{key} {is_or_has} {written(error['input'])}; {_expected(where)} was expected")


def _expected(where: Sequence[str | int]) -> str:
    """Return in words what the schema accepts at `where`."""
    first, *rest = [part for part in where if isinstance(part, str)]
    keys = NESTED.get(first)
    if keys is not None and not rest:
        return f"a mapping with keys among {', '.join(keys.model_fields)}"
    field: Any = keys.model_fields[rest[0]] if keys is not None else Suite.model_fields[first]
    return str(field.description)


def _parse(path: Path) -> tuple[Node, Any]:
    try:
        root, data = read(_text(path))
    except ReadError as error:
        raise UserError(f"{shorten(path)}:{error.line}: {error}") from None
    if not isinstance(data, dict):
        raise UserError(f"{shorten(path)}:1: a suite is a mapping with the keys {', '.join(Suite.model_fields)}")
    return root, data


def _text(path: Path) -> str:
    name = shorten(path)
    try:
        # A device or a pipe may never end.
        if path.exists() and not path.is_file():
            raise UserError(f"suite file {name} cannot be read: it is a {'folder' if path.is_dir() else 'device'}")
        if path.stat().st_size > LARGEST:
            raise UserError(f"suite file {name} is too large: it has more than {LARGEST:,} bytes")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = suggestion(path.name, [p.name for p in path.parent.glob("*.yaml")]) if path.parent.is_dir() else ""
        raise UserError(f"suite file {name} does not exist.{near}") from None
    except UnicodeDecodeError:
        raise UserError(f"suite file {name} cannot be read: it is not text in UTF-8") from None
    except OSError as error:
        raise UserError(f"suite file {name} cannot be read: {error.strerror}") from None
