from __future__ import annotations

from pathlib import Path

import pandas as pd

from registry import Quantity
from results import Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.views import VIEWS, Heatmap
from tests.results.sentences import about, made_up, sentences
from tests.results.trials import planned


def test_what_the_ranking_shows(results: Run) -> None:
    table = VIEWS["ranking"]().table(results)
    assert table is not None
    text = pd.DataFrame(table.rows(), columns=table.headings).set_index("mechanism")
    assert text["recall"]["rnn_attention(cosine)"] == "failed"
    assert text["adding"]["transformer(additive)"].endswith("(1 of 2 timeout)")
    assert text["score"]["transformer(location)"].endswith("(2 of 3 tasks)")
    assert text["horizon"]["transformer(dot)"] == "> 126"


def test_the_best_is_named_with_those_within_the_margin(tmp_path: Path) -> None:
    best = "The highest mean score over all tasks is 0.91 [0.90, 0.92], of gru"
    assert about(sentences(tmp_path / "a", {"gru": [0.9, 0.92], "rnn": [0.1, 0.2]}), f"{best}.")
    close = sentences(tmp_path / "b", {"gru": [0.9, 0.92], "rnn": [0.88, 0.89], "lstm": [0.88, 0.9]})
    assert about(close, f"{best}; lstm and rnn are within 0.05 of it.")


def test_a_score_that_a_simple_reader_reaches_is_marked(tmp_path: Path) -> None:
    scores = {"gru": [0.9, 0.92], "rnn": [0.3, 0.7], "lstm": [0.5, 0.52]}
    run = made_up(tmp_path, scores, shortcuts={"bag": 0.5})
    table, figure = VIEWS["ranking"]().table(run), VIEWS["ranking"]().figure(run)
    assert table is not None
    assert isinstance(figure, Heatmap)
    assert [row[table.headings.index("copy")] for row in table.rows()] == [
        "0.91 [0.90, 0.92]",
        "0.51 [0.50, 0.52]",
        "0.50 [0.30, 0.70]†",
    ]
    assert list(figure.data.loc[figure.data["task"] == "copy", "shown"]) == ["0.91", "0.51", "0.50 †"]
    assert "no task can be said to tell mechanisms apart" in table.caption


def test_there_is_no_rank_where_nothing_was_trained(tmp_path: Path) -> None:
    sizes = {"gru": 200.0, "lstm": 300.0}
    with Store(tmp_path / "results.sqlite") as store:
        trials = {name: planned(name, name, None) for name in sizes}
        store.plan(list(trials.values()), {}, {"parameters": Quantity("parameters", "parameters")})
        for name, size in sizes.items():
            store.finish(name, Outcome("ok", measurements=(Measurement("size", "parameters", size),)))
    table = VIEWS["ranking"]().table(read(tmp_path))
    assert table is not None
    assert "rank" not in table.headings
    assert "score" not in table.headings
    assert table.caption.startswith("Nothing was trained, so there is no ranking")
    assert [row[table.headings.index("mechanism")] for row in table.rows()] == ["gru", "lstm"]
