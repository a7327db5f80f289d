from __future__ import annotations

from pathlib import Path

from results.analysis.run import Results
from results.views.ranking import table as ranked_table
from tests.results.sentences import about, sentences


def test_what_the_ranking_shows(results: Results) -> None:
    text = ranked_table(results).text.set_index("mechanism")
    assert text["recall"]["rnn_attention(cosine)"] == "failed"
    assert text["adding"]["transformer(additive)"].endswith("(1 of 2 timeout)")
    assert text["score"]["transformer(location)"].endswith("(2 of 3 tasks)")
    assert text["horizon"]["transformer(dot)"] == "> 126"


def test_the_best_is_named_only_where_it_stands_out(tmp_path: Path) -> None:
    assert about(
        sentences(tmp_path / "a", {"gru": [0.9, 0.92], "rnn": [0.1, 0.2]}), "gru has the highest", "do not overlap"
    )
    assert about(sentences(tmp_path / "b", {"gru": [0.9, 0.92], "rnn": [0.91, 0.2]}), "cannot be told from it")
    assert about(sentences(tmp_path / "c", {"gru": [0.9, 0.92], "rnn": [0.88, 0.89]}), "cannot be told from it")
