"""The messages of a trial's process, each one line of JSON. What arrives is checked before it is believed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import prod
from typing import Any, TypeAlias

import numpy as np

from registry.errors import shorten
from results import Array, Measurement, Outcome

SENT = ("ok", "diverged", "failed", "oom", "crashed", "interrupted")
"""The outcomes that a trial's process may send. The others are the engine's and the plan's."""

LONGEST_REASON, LONGEST_TEXT = 2000, 500
LARGEST, LARGEST_WITH_ARRAYS = 2**26, 2**30  # bytes of a message, 64 MB and 1 GB
BIGGEST = 2**63 - 1  # the store takes no greater whole number


@dataclass(frozen=True)
class Ready:
    """The process is set up, and measuring begins."""


@dataclass(frozen=True)
class Progress:
    done: int
    total: int


Message: TypeAlias = Ready | Progress | Outcome


class BadMessage(Exception):
    """What a trial's process sent is no message. The text says why, in a sentence about the trial."""


def encode(message: Message, key: str) -> bytes:
    """Return a message of the trial `key` as a line. Raises TypeError for values that JSON does not have."""
    match message:
        case Ready():
            data: dict[str, Any] = {"ready": True}
        case Progress():
            data = asdict(message)
        case Outcome():
            data = {"outcome": message.to_json()}
    return json.dumps({"trial": key, **data}).encode() + b"\n"


def decode(line: bytes, key: str, declared: Collection[str] | None = None) -> Message:
    """Return the message of a line. Raises BadMessage for anything else.

    It must be of the trial `key`, and measure only what is `declared`, if that is given.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        text = shorten(line[:80].decode("utf-8", "backslashreplace"), 60)
        raise BadMessage(f"it wrote something else than a message to the runner: '{text}'") from None
    if not isinstance(data, dict) or data.pop("trial", None) != key:
        raise BadMessage("it sent a message that does not name its trial")
    match data:
        case {"ready": True} if len(data) == 1:
            return Ready()
        case {"done": int(done), "total": int(total)} if len(data) == 2 and 0 <= done <= total <= BIGGEST:
            return Progress(done, total)
        case {"outcome": dict(outcome)} if len(data) == 1:
            return _outcome(outcome, declared)
    raise BadMessage(f"it sent a message that means nothing: {shorten(json.dumps(data), 60)}")


def _outcome(data: dict[str, Any], declared: Collection[str] | None) -> Outcome:
    try:
        if data.keys() != {each.name for each in fields(Outcome)}:
            raise ValueError("its fields are others")
        found = Outcome.from_json(data)
        _check(found, declared)
        if found.reason is not None:
            found = replace(found, reason=shorten(found.reason, LONGEST_REASON))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise BadMessage(f"it sent an outcome that is none: {shorten(error)}") from None
    return found


def _check(found: Outcome, declared: Collection[str] | None) -> None:
    """Raise ValueError or TypeError where a value has another type than it is to have."""
    _expect(found.outcome in SENT, f"a trial's process cannot be {found.outcome}")
    _expect(found.reason is None or isinstance(found.reason, str), "its reason is no text")
    _expect(found.path is None or _is_text(found.path), "its path is no text")
    _expect(found.session is None and _is_number(found.seconds), "its seconds are no number, or it has a session")
    for measured in found.measurements:
        _check_measurement(measured, declared)
    for array in found.arrays:
        _check_array(array)


def _check_measurement(found: Measurement, declared: Collection[str] | None) -> None:
    _expect(_is_text(found.probe) and _is_text(found.quantity), "a measurement has no name")
    name = shorten(repr(found.quantity), 60)
    _expect(declared is None or found.quantity in declared, f"it measures {name}, which nothing declares")
    _expect(_is_number(found.value), f"the value of {name} is no number")
    _expect(all(each is None or _is_number(each) for each in (found.low, found.high)), f"{name} has other quartiles")
    _expect(isinstance(found.at, Mapping), f"{name} has no coordinates")
    for where in found.at.values():
        _expect(_is_text(where) or _is_number(where), f"a coordinate of {name} is neither a number nor a word")


def _check_array(found: Array) -> None:
    _expect(_is_text(found.name) and isinstance(found.at, Mapping), "an array has no name or no coordinates")
    kind = np.dtype(found.dtype)
    _expect(kind.kind in "biuf" and all(type(each) is int and each >= 0 for each in found.shape), "an array is none")
    _expect(prod(found.shape) * kind.itemsize == len(found.data), "an array has another size than its shape says")


def _expect(right: bool, sentence: str) -> None:
    if not right:
        raise ValueError(sentence)


def _is_text(value: object) -> bool:
    # A lone surrogate is no text for the store.
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and value == value.encode("utf-8", "replace").decode()


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and abs(value) <= BIGGEST)
