"""Made-up trials, as a plan would hand them to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from results import Planned
from runner.probes import PROBES
from runner.trial.measure import quantities
from tasks import Classes, Distribution, Scalar

QUANTITIES = quantities([PROBES.spec(name) for name in PROBES], [Classes(2), Distribution(2), Scalar()])
"""What the built-in probes declare."""

RECIPE = {"width": 64, "batch": 64, "steps": 600}
# Reads content, positional, needs history: those of an alignment that is not here are those of plain content.
DECLARED = {"location": (False, True, False), "local_m": (True, True, False), "coverage": (True, False, True)}


def spec(kind: str, name: str, given: Mapping[str, Any] | None = None, **settings: Any) -> dict[str, Any]:
    """Return the JSON of a spec; its settings are those given, as they were given, and `settings`."""
    given = given or {}
    return {"kind": kind, "name": name, "settings": {**given, **settings}, "given": dict(given)}


def mechanism(model: str, alignment: str | None = None, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the JSON of a mechanism; an alignment was given by its name."""
    if alignment is None:
        return spec("model", model, given)
    return spec("model", model, {**(given or {}), "alignment": alignment}, alignment=spec("alignment", alignment))


def planned(
    key: str,
    what: str | Mapping[str, Any],
    task: str | Mapping[str, Any] | None = None,
    *,
    length: int | None = None,
    seed: int = 0,
    rate: float = 0.001,
    probes: Sequence[str] = ("accuracy",),
    plugins: tuple[str, ...] = (),
    reason: str | None = None,
    shortcuts: Mapping[str, float] | None = None,
    **facts: Any,
) -> Planned:
    """Return a trial of a mechanism, trained on a task if there is one; `facts` are added to its JSON.

    `shortcuts` are the scores of the simple readers of the task.
    """
    chosen = mechanism(what) if isinstance(what, str) else what
    trial = {
        "mechanism": chosen,
        "task": spec("task", task) if isinstance(task, str) else task,
        "earlier": None,
        "trained_length": length,
        "shortest_length": length,
        "test_lengths": [] if length is None else [length],
        "earlier_length": None,
        "earlier_shortest_length": None,
        "earlier_steps": None,
        "seed": seed,
        "recipe": {**RECIPE, "learning_rate": rate},
        "probes": [spec("probe", name) for name in probes],
        "device": "cpu",
        "threads": 1,
        "machine": None,
        **facts,
    }
    properties = _declared(chosen) | ({} if shortcuts is None else {"task": {"shortcuts": dict(shortcuts)}})
    return Planned(key, trial, plugins, properties=properties, reason=reason)


def _declared(chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    alignment = chosen["settings"].get("alignment")
    if alignment is None:
        return {}
    names = ("reads_content", "positional", "needs_history")
    values = DECLARED.get(alignment["name"], (True, False, False))
    return {"mechanism.alignment": dict(zip(names, values, strict=True))}
