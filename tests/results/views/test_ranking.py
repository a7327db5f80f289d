from __future__ import annotations

from pathlib import Path

import pandas as pd

from results.analysis.run import Run
from results.views import VIEWS
from tests.results.sentences import about, sentences


def test_what_the_ranking_shows(results: Run) -> None:
    table = VIEWS["ranking"]().table(results)
    assert table is not None
    text = pd.DataFrame(table.rows(), columns=table.headings).set_index("mechanism")
    assert text["recall"]["rnn_attention(cosine)"] == "failed"
    assert text["adding"]["transformer(additive)"].endswith("(1 of 2 timeout)")
    assert text["score"]["transformer(location)"].endswith("(2 of 3 tasks)")
    assert text["horizon"]["transformer(dot)"] == "> 126"


def test_the_best_is_named_only_where_it_stands_out(tmp_path: Path) -> None:
    assert about(
        sentences(tmp_path / "a", {"gru": [0.9, 0.92], "rnn": [0.1, 0.2]}), "gru has the highest", "do not overlap"
    )
    assert about(sentences(tmp_path / "b", {"gru": [0.9, 0.92], "rnn": [0.91, 0.2]}), "is not clearly lower")
    assert about(sentences(tmp_path / "c", {"gru": [0.9, 0.92], "rnn": [0.88, 0.89]}), "is not clearly lower")
