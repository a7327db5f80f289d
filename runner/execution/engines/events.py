"""The interface of engines, and the events that they yield."""

from __future__ import annotations

from collections.abc import Generator, Sequence
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
    def run(self, trials: Sequence[Planned]) -> Generator[EngineEvent | None, None, None]:
        """Run the trials and yield events, or None while nothing happens."""
        ...

    def stop(self) -> None:
        """Start no more trials, and let the running ones write a checkpoint and end."""
        ...
