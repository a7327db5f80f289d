"""What an engine tells while it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from results import Measurement

from ...trial.trial import Trial


@dataclass(frozen=True)
class Ending:
    """How a cell ended; times are ISO 8601, `seconds` wall seconds."""

    outcome: str
    reason: str | None = None
    seconds: float = 0.0
    path: str | None = None
    started: str | None = None
    finished: str | None = None
    measurements: list[Measurement] = field(default_factory=list)


@dataclass(frozen=True)
class Started:
    cell: Trial


@dataclass(frozen=True)
class Advanced:
    cell: Trial
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    cell: Trial
    ending: Ending


Event: TypeAlias = Started | Advanced | Ended


class Engine(Protocol):
    def run(self, cells: Sequence[Trial]) -> Iterator[Event | None]:
        """Run the cells, yielding what happens; None where nothing did for a moment."""
        ...

    def stop(self) -> None:
        """Start nothing new, and let what runs write its checkpoint and end."""
        ...
