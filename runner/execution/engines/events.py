"""What an engine tells while it works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from results import Outcome, Planned


@dataclass(frozen=True)
class Started:
    trial: Planned


@dataclass(frozen=True)
class Advanced:
    trial: Planned
    done: int
    total: int


@dataclass(frozen=True)
class Ended:
    trial: Planned
    outcome: Outcome


EngineEvent: TypeAlias = Started | Advanced | Ended


class Engine(Protocol):
    def run(self, trials: Sequence[Planned]) -> Iterator[EngineEvent | None]:
        """Run the trials, yielding what happens; None where nothing did for a moment."""
        ...

    def stop(self) -> None:
        """Start nothing new, and let what runs write its checkpoint and end."""
        ...
