from __future__ import annotations

import io
import math
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from results import Measurement, Outcome, Store
from results.analysis.ranking import _ranks
from results.analysis.run import Run, read
from results.report.contents import contents
from results.report.html import write_report
from results.report.terminal import show
from results.views import VIEWS
from results.views.gradient_flow import initial_decays
from tests.results.trials import QUANTITIES, planned


def test_what_training_cannot_tell_apart_shares_a_rank() -> None:
    scores = [0.999, 0.991, 0.99, 0.70, 0.697, 0.3, math.nan]
    ordered = pd.DataFrame({"group": [0, 0, 0, 0, 0, 1, 2], "score": scores})
    assert _ranks(ordered) == [1, 1, 1, 4, 4, 6, 7]


def test_the_ranking(results: Run) -> None:
    table = results.ranking.mechanisms.set_index("mechanism")
    tasks = results.ranking.tasks.set_index(["mechanism", "task"])
    complete = table[table["tasks"] == 3]
    assert complete["score"].is_monotonic_decreasing
    # Scores that are equal to two digits share a rank, and the next has as many before it as there are.
    assert next(rank for rank in table["rank"] if rank != 1) == (table["rank"] == 1).sum() + 1
    # A task is skipped: after those that did all of them, though the plain rnn scores less.
    assert table["rank"]["transformer(location)"] == 17
    assert table["score"]["transformer(location)"] > table["score"]["rnn"]
    # The failed task counts as chance.
    own = tasks.loc["rnn_attention(cosine)"]
    assert table["score"]["rnn_attention(cosine)"] == pytest.approx(own["value"].fillna(0).sum() / 3)
    assert tasks["value"]["rnn", "adding"] == 0
    assert tasks["word"]["rnn", "adding"] == "diverged"
    assert tuple(tasks.loc[("transformer(additive)", "adding"), ["word", "ill", "runs"]]) == ("timeout", 1, 2)
    decays = initial_decays(results).set_index("mechanism")
    assert decays["rate"]["rnn"] == pytest.approx(0.2, abs=0.01)
    assert math.isinf(decays["horizon"]["transformer(dot)"])
    assert table["steps_to_solve"]["lstm"] == 300
    assert table["solved"]["lstm"] == pytest.approx(1 / 3)


NAMES = ("score", "rank", "decay", "length", "parameters", "mechanism", "value", "X", "X_word", "steps to solve")


@pytest.fixture(scope="module")
def oddly_named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of tasks that are called like columns, of which each network has a score of its own on each."""
    folder = tmp_path_factory.mktemp("runs") / "odd"
    trials = [planned(f"{model}/{name}", model, name, length=5) for model in ("gru", "lstm") for name in NAMES]
    trials += [
        planned("gru/speed", "gru", probes=["throughput"]),
        planned("lstm/initial", "lstm", probes=["gradients"]),
    ]
    with Store(folder / "results.sqlite") as store:
        store.plan(trials, {}, QUANTITIES)
        for place, trial in enumerate(trials[:-2]):
            scored = Measurement("accuracy", "normalised", place / 50, at={"stage": "test", "length": 5})
            size = Measurement("size", "parameters", 1234)
            failed = trial.key == "lstm/X"
            store.finish(trial.key, Outcome("failed") if failed else Outcome("ok", measurements=(scored, size)))
        timed = Measurement("throughput", "train", 1000.0, {"length": 64})
        store.finish("gru/speed", Outcome("ok", measurements=(timed,)))
        norms = [
            Measurement("g", "gradient_norm", 0.5**place, at={"stage": "initial", "length": 9, "distance": place})
            for place in range(1, 9)
        ]
        store.finish("lstm/initial", Outcome("ok", measurements=tuple(norms)))
    return folder


def test_tasks_may_be_called_like_columns(oddly_named: Path) -> None:
    results = read(oddly_named)
    mechanisms = results.ranking.mechanisms.set_index("mechanism")
    tasks = results.ranking.tasks.set_index(["mechanism", "task"])
    assert sorted(mechanisms["rank"]) == [1, 2]
    assert mechanisms["score"]["gru"] == pytest.approx(0.09)
    for place, name in enumerate(NAMES):
        assert tasks["value"]["gru", name] == place / 50
    assert math.isnan(tasks["value"]["lstm", "X"])
    assert tasks["word"]["lstm", "X"] == "failed"
    assert tasks["value"]["lstm", "X_word"] == 0.36


def test_tables_keep_such_tasks_apart(oddly_named: Path) -> None:
    results = read(oddly_named)
    table = VIEWS["ranking"]().table(results)
    assert table is not None
    assert len(set(table.headings)) == len(table.headings)
    shown = pd.DataFrame(table.rows(), columns=table.headings).set_index("mechanism").loc["gru"]
    assert shown["score"] == "0.09"
    assert shown["parameters"] == "1,234"
    assert shown["train tokens/s at 64"] == "1k"
    for place, name in enumerate(NAMES):
        assert shown[f"{name} (task)" if f"{name} (task)" in shown else name] == f"{place / 50:.2f}"
    assert [name for name in NAMES if f"{name} (task)" in shown] == [
        "score",
        "rank",
        "parameters",
        "mechanism",
        "steps to solve",
    ]
    out = io.StringIO()
    show(contents(results), Console(file=out, width=400, force_terminal=True, color_system=None))
    assert "failed" in out.getvalue()
    found = contents(results)
    assert found.mistakes == []
    assert found.findings
    figure = VIEWS["ranking"]().figure(results)
    assert figure is not None
    assert len(figure.data) == 2 * (len(NAMES) + 1)
    written = pd.read_csv(write_report(oddly_named).parent / "tables" / "ranking.csv", comment="#")
    of_tasks = written[written["task"].notna() & (written["mechanism"] == "gru")].set_index("task")["value"]
    assert of_tasks.to_dict() == {name: place / 50 for place, name in enumerate(NAMES)}
    others = written[written["task"].isna()].set_index(["mechanism", "column"])["value"]
    assert others["lstm", "parameters"] == 1234
    assert others["lstm", "gradient decay"] == pytest.approx(math.log(2))
    assert others["gru", "train tokens/s at 64"] == 1000
