"""A report of runs of which some or all have no score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from results import Measurement, Outcome, Store
from results.analysis.run import read
from results.report.contents import contents
from results.report.html import write_report
from tests.results.trials import QUANTITIES, planned

NORM = [
    Measurement("gradient_flow", "gradient_norm", 0.5**d, at={"stage": "trained", "length": 5, "distance": d})
    for d in range(1, 6)
]
NAN = [
    Measurement("accuracy", "normalised", math.nan, at={"stage": "validation", "step": 0}),
    Measurement("accuracy", "normalised", math.nan, at={"stage": "test", "length": 5}),
    Measurement("accuracy", "accuracy", 1.0, at={"stage": "test", "length": 5}),
]


def scored(value: float) -> list[Measurement]:
    return [
        Measurement("accuracy", "normalised", value, at={"stage": "validation", "step": 0}),
        Measurement("accuracy", "normalised", value, at={"stage": "test", "length": 5}),
    ]


RUNS: dict[str, dict[str, Sequence[Measurement]]] = {
    "without the probe accuracy": {"copy": NORM},
    "one task whose chance is its ceiling": {"copy": scored(0.5), "constant": NAN},
    "only such tasks": {"constant": NAN},
    "trials that ended well without a measurement": {"copy": []},
}


@pytest.mark.parametrize("measured", RUNS.values(), ids=RUNS)
def test_the_report_is_written(tmp_path: Path, measured: dict[str, Sequence[Measurement]]) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        trials = {
            f"{model} {task} {seed} {rate}": (
                planned(f"{model} {task} {seed} {rate}", model, task, length=5, seed=seed, rate=rate),
                rows,
            )
            for model in ("gru", "lstm")
            for task, rows in measured.items()
            for seed in (0, 1)
            for rate in (0.001, 0.003)
        }
        store.plan([trial for trial, _ in trials.values()], {}, QUANTITIES)
        for key, (_, rows) in trials.items():
            store.finish(key, Outcome("ok", measurements=tuple(rows)))
    run = read(tmp_path)
    found = contents(run)
    assert found.mistakes == []
    assert all("nan" not in finding.text for finding in found.findings)
    assert write_report(tmp_path).is_file()
    table = next((section.table for section in found.sections if section.name == "ranking"), None)
    assert table is not None
    shown = dict(zip(table.headings, table.rows()[0], strict=True))
    if "constant" in measured:
        assert shown.get("constant", "–") == "–"
    if measured.get("copy") is RUNS["one task whose chance is its ceiling"]["copy"]:
        assert shown["copy"] == "0.50"
