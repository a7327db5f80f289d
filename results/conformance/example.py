"""A small run that is made up, in which any quantity can be measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

from registry import Quantity

from ..analysis.run import Run, gather
from ..store.load import tidy

MECHANISMS = (("lstm", None), ("rnn_encoder_decoder", None), ("rnn_attention", "dot"), ("rnn_attention", "additive"))
TASKS = ("copy", "recall")
LADDER, RUNGS = "reverse", (4, 8)  # items
SEEDS = 5
OVER = ("length", "step", "distance", "depth", "layer", "wiring", "part")
COORDINATES: Sequence[dict[str, Any]] = (
    {},
    *({"stage": "test", "length": length} for length in (8, 16, 32)),
    *({"stage": "validation", "step": step} for step in (10, 20)),
    *({"stage": "test", "length": 8, "distance": distance} for distance in range(1, 8)),
    *({"stage": "train", "step": step, "part": part} for step in (10, 20) for part in ("layer 1", "readout")),
    *({"stage": "trained", "length": 8, "distance": distance} for distance in range(1, 8)),
)
UNTRAINED: Sequence[dict[str, Any]] = (
    {},
    *({"length": length} for length in (8, 16, 32)),
    *({"stage": "initial", "length": 8, "distance": distance} for distance in range(1, 8)),
    *({"depth": 4, "layer": layer, "wiring": "f(x)"} for layer in range(1, 5)),
)


@cache
def example_run(
    quantities: tuple[str, ...], tasks: tuple[str, ...] = TASKS, *, seeds: int = SEEDS, ended: bool = True
) -> Run:
    """Return a run of four mechanisms, `tasks`, a ladder and `seeds` with these quantities and the score.

    Unless trials have `ended`, they are planned and nothing is measured.
    """
    rungs = [(LADDER, rung) for rung in RUNGS if tasks]
    asked = [(None, None), *((task, None) for task in tasks), *rungs]
    trials = [_trial(place, *each) for place, each in enumerate(product(MECHANISMS, asked, range(seeds)))]
    measured = dict.fromkeys(("normalised", *quantities))
    declared = {name: Quantity(name, name.replace("_", " "), over=OVER, digits=3) for name in measured}
    for trial in trials:
        trial["outcome"] = "ok" if ended else None
    rows = [row for trial in trials for row in _measurements(trial, list(measured))] if ended else []
    return gather("example", tidy(trials, rows, declared), declared)


def _trial(
    place: int, mechanism: tuple[str, str | None], asked: tuple[str | None, int | None], seed: int
) -> dict[str, Any]:
    (model, alignment), (task, rung) = mechanism, asked
    told = {} if rung is None else {"ladder": {"items": list(RUNGS)}, "items": rung}
    parts = {} if alignment is None else {"alignment": _spec("alignment", alignment)}
    given = {} if alignment is None else {"alignment": alignment}
    trial = {
        "mechanism": {**_spec("model", model), "settings": parts, "given": given},
        "task": task and {**_spec("task", task), "given": told},
        "earlier": None,
        "trained_length": task and 8,
        "shortest_length": task and 8,
        "test_lengths": [8, 16, 32] if task else [],
        "seed": seed,
        "recipe": {"width": 64, "learning_rate": 0.001},
        "probes": [_spec("probe", "example")],
    }
    declared = {"reads_content": True, "positional": False, "needs_history": False}
    absent = dict.fromkeys(("reason", "path", "session", "retried"))
    ended = {**absent, "seconds": 1.0, "attempts": 1, "position": place}
    properties = {} if alignment is None else {"mechanism.alignment": declared}
    return {"key": f"trial {place}", "trial": trial, "plugins": [], "properties": properties, **ended}


def _spec(kind: str, name: str) -> dict[str, Any]:
    return {"kind": kind, "name": name, "settings": {}, "given": {}}


def _share(task: dict[str, Any] | None) -> float:
    """Return what the numbers of a rung are multiplied by, so that they grow with it."""
    rung = max(RUNGS) if task is None else task["given"].get("items", max(RUNGS))
    return float(rung / max(RUNGS))


def _measurements(trial: dict[str, Any], quantities: Sequence[str]) -> Iterator[dict[str, Any]]:
    task = trial["trial"]["task"]
    for (place, name), at in product(enumerate(quantities), UNTRAINED if task is None else COORDINATES):
        # Different for mechanisms, seeds and coordinates, between 0 and 1, and smaller at a greater distance.
        level = 0.2 + 0.15 * (trial["position"] // (SEEDS * 5)) + 0.01 * trial["trial"]["seed"] + 0.001 * place
        value = level * 0.9 ** (at.get("distance", 0) + at.get("length", 0) / 8) * _share(task)
        kept = {"probe": "example", "quantity": name, "value": value, "low": 0.9 * value, "high": 1.1 * value}
        yield {"trial": trial["key"], **kept, "coordinates": at}
