"""What a store keeps of a trial: what was planned, how it ended, and what was measured.

Nothing heavy is imported here, since the process of every trial imports this file.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    import numpy as np

OutcomeName: TypeAlias = Literal["ok", "diverged", "failed", "timeout", "oom", "crashed", "skipped", "interrupted"]
OUTCOMES: tuple[str, ...] = get_args(OutcomeName)


@dataclass(frozen=True)
class Measurement:
    """One number that was measured, and the coordinates at which it was measured (`at`).

    `quantity` is the name of a declared Quantity. Coordinates are whole numbers or words by name: stage, length, step,
    distance, and any that a probe adds. NaN means "there is no such number" (steps to solve of a run that never solved
    its task). `low` and `high` are the quartiles of repeated timings.
    """

    probe: str
    quantity: str
    value: float
    at: Mapping[str, int | str] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Array:
    """Numbers that a trial keeps: the bytes of an array of NumPy of this `shape` and `dtype`, row after row.

    `at` says of what they are: whole numbers, words, and lists of these, by name.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: bytes
    at: Mapping[str, Any] = field(default_factory=dict)

    def numbers(self) -> np.ndarray[Any, Any]:
        import numpy as np

        return np.frombuffer(self.data, dtype=self.dtype).reshape(self.shape)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"data": base64.b64encode(self.data).decode("ascii")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Array:
        return cls(**{**data, "shape": tuple(data["shape"]), "data": base64.b64decode(data["data"], validate=True)})


@dataclass(frozen=True)
class Outcome:
    """How a trial ended: in wall `seconds`, with the attention `path` taken (fused, streamed, plain), and its numbers.

    `session` names the call of the runner that ran it: timings are compared within one session only.
    """

    outcome: OutcomeName
    reason: str | None = None
    seconds: float = 0.0
    path: str | None = None
    measurements: tuple[Measurement, ...] = ()
    session: str | None = None
    arrays: tuple[Array, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"arrays": [each.to_json() for each in self.arrays]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Outcome:
        """Return the outcome that `to_json` gave. Raises ValueError or TypeError for anything else."""
        if data["outcome"] not in OUTCOMES:
            raise ValueError(f"unknown outcome '{data['outcome']}', one of {', '.join(OUTCOMES)} was expected")
        measured = tuple(Measurement(**row) for row in data["measurements"])
        arrays = tuple(Array.from_json(row) for row in data["arrays"])
        return cls(**{**data, "measurements": measured, "arrays": arrays})


@dataclass(frozen=True)
class Attempt:
    """How a trial ended when it was run for the time that `number` says, counted from 1."""

    number: int
    outcome: OutcomeName
    reason: str | None
    seconds: float
    session: str | None


@dataclass(frozen=True)
class Planned:
    """A trial as the plan hands it to the store and to the process that runs it.

    `trial` is its JSON, `key` what it is known by. Beside it travel the `plugins` to load first, the names of the
    `modules` that the key covers, and the `properties` that its classes declare, by setting ("mechanism",
    "mechanism.alignment", "task"). `reason` says why the plan leaves the trial out, None where it is to run.
    """

    key: str
    trial: Mapping[str, Any]
    plugins: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    properties: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reason: str | None = None
