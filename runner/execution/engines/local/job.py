"""What the process of a trial is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results import Planned

CHECKPOINTS, LOGS = "checkpoints", "logs"


@dataclass(frozen=True)
class Job:
    """A trial, and where and how it runs."""

    trial: Planned
    device: str
    folder: Path
    cores: list[int]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"folder": str(self.folder)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        return cls(**{**data, "trial": Planned(**data["trial"]), "folder": Path(data["folder"])})
