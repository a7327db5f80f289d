"""A trial: one mechanism, one task, one seed, one recipe."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trial:
    """What a process needs to know to measure one cell; plain values only, so that it travels as JSON."""

    key: str
    kind: str  # "train", "initial" or "speed"
    label: str
    model: str
    mechanism: dict[str, Any]
    seed: int
    recipe: dict[str, Any]
    probes: dict[str, dict[str, Any]]
    task: str | None = None
    task_label: str | None = None
    task_settings: dict[str, Any] = field(default_factory=dict)
    length: int = 0  # the longest trained on
    shortest: int = 0  # the shortest: the same, unless lengths are mixed
    test_lengths: tuple[int, ...] = ()
    pretraining: dict[str, Any] | None = None  # task, task_settings, length, shortest and steps, as above
    plugins: tuple[str, ...] = ()
    device: str = "cpu"

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Trial:
        fields = json.loads(text)
        return cls(**{**fields, "test_lengths": tuple(fields["test_lengths"]), "plugins": tuple(fields["plugins"])})

    @property
    def alone(self) -> bool:
        """Tell whether it must not share the machine with another cell."""
        return self.kind == "speed"

    def description(self) -> str:
        """Return what a person reads while it runs."""
        what = self.task_label or ", ".join(self.probes)
        return f"{self.label} · {what} · seed {self.seed}"
