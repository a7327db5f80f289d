from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from results.analysis.run import Run
from results.views import VIEWS
from tests.results.sentences import about, sentences


@pytest.mark.reference("view", "outcomes")
def test_outcomes_say_why(results: Run) -> None:
    table = VIEWS["outcomes"]().table(results)
    assert table is not None
    text = pd.DataFrame(table.rows(), columns=table.headings)
    assert set(text["outcome"]) == {"diverged", "failed", "timeout", "skipped", "unavailable"}
    assert "location knows 64 positions, adding has 100" in set(text["reason"])
    assert text["trials"].astype(int).sum() == (results.all_trials["outcome"] != "ok").sum()
    last = text.iloc[-1]
    assert (last["mechanism"], last["outcome"], last["trials"]) == ("torn_score", "unavailable", "0")
    assert last["reason"] == "SyntaxError: unterminated string literal (line 7)"


def test_few_seeds_are_named(tmp_path: Path) -> None:
    assert about(sentences(tmp_path / "a", {"rnn": [0.5, 0.5]}), "come from 2 seeds")
    single = sentences(tmp_path / "b", {"rnn": [0.1], "gru": [0.9]})
    assert about(single, "come from one seed")
    assert about(single, "The highest mean score over all tasks is 0.90, of gru.")
    assert not about(single, "above the plain rnn")
    assert not about(sentences(tmp_path / "c", {"rnn": [0.5] * 5}), "These results come from")
