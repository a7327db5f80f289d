from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import results as package
from registry import UserError
from results import Store
from results.analysis.run import Run, read
from results.report.contents import FIRST, cautions, contents
from results.views import VIEWS, View
from tests.results.sentences import about
from tests.results.trials import QUANTITIES, planned


def test_a_whole_run(results: Run) -> None:
    found = contents(results)
    assert found.mistakes == []
    told = [finding.text for finding in found.findings]
    assert about(told, "rnn_attention(my_score), whose trials use a plug-in, has rank")
    assert about(told, "the gradient vanishes exponentially over 126 positions in rnn (0.200 [", "1 % left after 24")
    assert about(told, "the gradient stays between 1/100 and 100 times", "transformer with every score")
    assert about(told, "10 of 306 trials gave no result: 4 diverged, 4 failed, 2 timeout.")
    # Its second seed ran out of time: not solved, whatever the first one scored.
    assert not about(told, "adding: solved", "transformer")


def test_nothing_is_said_of_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "results.sqlite").close()
    run = read(tmp_path)
    assert contents(run).findings == []
    assert cautions(run) == []


def test_a_report_begins_with_five_sentences(results: Run) -> None:
    found = contents(results)
    assert len(found.first) == FIRST
    assert about([finding.text for finding in found.first], "The highest mean score over all tasks")
    importances = [finding.importance for finding in found.findings if finding not in found.first]
    assert min(finding.importance for finding in found.first) >= max(importances)


def test_a_view_that_raises_does_not_stop_the_others(results: Run) -> None:
    class Broken(View):
        title = "Broken"

        def table(self, run: Run) -> None:
            raise ZeroDivisionError("no trials")

        def columns(self, run: Run) -> None:  # type: ignore[override]
            raise KeyError("x")

    VIEWS.register("broken")(Broken)
    try:
        found = contents(results)
    finally:
        VIEWS.forget("broken")
    assert found.mistakes == [
        "the view broken failed: ZeroDivisionError: no trials",
        "the view broken failed: KeyError: 'x'",
    ]
    assert next(section for section in found.sections if section.name == "ranking").table is not None


def test_one_table_and_one_figure_are_to_be_had(stored: Path) -> None:
    table = package.table("gradient_flow", stored)
    assert table.numbers["verdict"].notna().all()
    assert "<table" in table._repr_html_()
    drawn = package.figure("ranking", str(stored))
    assert drawn.axes
    with pytest.raises(UserError, match=r"unknown view 'rankin'\. Did you mean 'ranking'"):
        package.table("rankin", stored)
    with pytest.raises(UserError, match="the view 'solved' has no figure of the run quick; there is one of ranking"):
        package.figure("solved", stored)


@pytest.mark.parametrize(
    ("recipe", "earlier", "cut"),
    [
        ({"warmup": 50, "steps": 20}, None, "50 steps was cut to the 20 steps of training"),
        ({"warmup": 50, "steps": 50}, None, ""),
        ({"warmup": 50, "steps": 600}, 30, "50 steps was cut to the 30 steps of pre-training"),
        ({"warmup": 50, "steps": 600}, 100, ""),
        ({"steps": 20}, None, ""),
    ],
)
def test_a_cut_warmup_is_told(tmp_path: Path, recipe: dict[str, int], earlier: int | None, cut: str) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        facts: dict[str, Any] = {"recipe": {**recipe, "learning_rate": 0.001}, "earlier_steps": earlier}
        store.plan([planned("a", "gru", "copy", length=5, **facts)], {}, QUANTITIES)
    told = [text for text in cautions(read(tmp_path)) if "warm-up" in text]
    assert len(told) == bool(cut)
    assert all(cut in text for text in told)


@pytest.mark.parametrize(
    ("suite", "told"),
    [
        ({"budget": "flops"}, "the same floating-point operations (budget: flops), so not for the same steps."),
        ({"budget": "seconds"}, "the same seconds (budget: seconds), so not for the same steps."),
        ({"budget": "examples"}, None),
        ({}, None),
        ([], None),
    ],
)
def test_unequal_steps_are_told(results: Run, suite: Any, told: str | None) -> None:
    found = [text for text in cautions(replace(results, manifest={"suite": suite})) if "budget" in text]
    assert found == ([] if told is None else [f"On each task the mechanisms were trained for {told}"])
