"""What the findings say of a run that is made up of a few numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.report.contents import cautions, contents
from tests.results.trials import QUANTITIES, mechanism, planned

ROUNDS = 6
Scores = dict[str, list[float]]


def sentences(
    folder: Path,
    scores: Scores,
    rates: dict[str, tuple[float, float]] | None = None,
    shortcuts: dict[str, float] | None = None,
) -> list[str]:
    """Findings of a run in which each mechanism has these scores (one a seed), and these tokens/s at 64 and 512."""
    run = made_up(folder, scores, rates, shortcuts)
    found = contents(run)
    assert found.mistakes == []
    return [*(finding.text for finding in found.findings), *cautions(run)]


def made_up(
    folder: Path,
    scores: Scores,
    rates: dict[str, tuple[float, float]] | None = None,
    shortcuts: dict[str, float] | None = None,
) -> Run:
    rates = rates or {}
    with Store(folder / "results.sqlite") as store:
        rows = []
        for name, values in scores.items():
            chosen = _chosen(name)
            for seed in range(len(values)):
                rows.append(planned(f"{name}/{seed}", chosen, "copy", length=5, seed=seed, shortcuts=shortcuts))
            timings = range(ROUNDS) if name in rates else ()
            rows += [planned(f"{name}/speed/{n}", chosen, probes=["throughput"], round=n) for n in timings]
        store.plan(rows, {}, QUANTITIES)
        for name, values in scores.items():
            for seed, value in enumerate(values):
                store.finish(f"{name}/{seed}", Outcome("ok", measurements=tuple(_measured(value))))
        for name, tokens in rates.items():
            for number in range(ROUNDS):
                timed = [
                    Measurement("throughput", "train", (0.95 + 0.02 * number) * value, {"length": length})
                    for length, value in zip((64, 512), tokens, strict=True)
                ]
                reference = Measurement("throughput", "reference", 300.0)
                measured = (*timed, reference)
                store.finish(f"{name}/speed/{number}", Outcome("ok", session="first", measurements=measured))
    return read(folder)


def _measured(value: float) -> Iterator[Measurement]:
    """Chance 0.2 and ceiling 1; a trial reaches the score at which training stops in 300 steps, or never."""
    for quantity, number in {"normalised": value, "chance": 0.2, "ceiling": 1.0}.items():
        yield Measurement("accuracy", quantity, number, at={"stage": "test", "length": 5})
    yield Measurement("accuracy", "steps_to_solve", 300.0 if value >= 0.99 else math.nan)


def _chosen(name: str) -> dict[str, Any]:
    """Return the mechanism called "model", "model(alignment)", "model(layers=2)" or "model(layers=2, alignment)"."""
    model, _, inside = name.rstrip(")").partition("(")
    settings = [part.split("=") for part in inside.split(", ") if "=" in part]
    alignments = [part for part in inside.split(", ") if part and "=" not in part]
    return mechanism(model, *alignments, given={key: int(value) for key, value in settings})


def about(found: list[str], *words: str) -> list[str]:
    return [text for text in found if all(word in text for word in words)]
