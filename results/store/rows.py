"""The rows a run consists of: what is planned (CellRow) and what was measured (Measurement).

Nothing heavy is imported here, since every cell process imports this file.
"""

from __future__ import annotations

from dataclasses import dataclass

OUTCOMES = ("ok", "diverged", "failed", "timeout", "oom", "crashed", "skipped", "interrupted")
KINDS = ("train", "initial", "speed")


@dataclass(frozen=True)
class CellRow:
    """One planned cell.

    `key` is a digest of all that could change its result; `position` its order in the plan; `kind`
    "train", "initial" (an untrained network, no task) or "speed"; `label` the mechanism as people read
    it. `mechanism`, `task_settings`, `recipe` and `probes` are JSON texts; `length` is the trained length
    in positions; `origin` the plugin that the mechanism or the task comes from, None where built in.
    `outcome` is None, or "skipped" together with the `reason` for which the plan leaves the cell out.
    """

    key: str
    position: int
    kind: str
    label: str
    model: str
    seed: int
    alignment: str | None = None
    mechanism: str = "{}"
    task: str | None = None
    task_settings: str | None = None
    length: int | None = None
    learning_rate: float | None = None
    recipe: str = "{}"
    probes: str = "[]"
    origin: str | None = None
    outcome: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Measurement:
    """One number a probe found, with the coordinates at which it was found and its unit.

    NaN means "there is no such number" (steps to solve of a run that never solved its task) and is
    stored as NULL. `low` and `high` are the quartiles of repeated timings.
    """

    probe: str
    quantity: str
    value: float
    unit: str | None = None
    stage: str | None = None
    length: int | None = None
    step: int | None = None
    distance: int | None = None
    low: float | None = None
    high: float | None = None
