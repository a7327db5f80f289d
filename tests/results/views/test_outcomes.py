from __future__ import annotations

from pathlib import Path

from results.analysis.run import Results
from results.views.outcomes import table as outcomes
from tests.results.sentences import about, sentences


def test_outcomes_say_why(results: Results) -> None:
    text = outcomes(results).text
    assert set(text["outcome"]) == {"diverged", "failed", "timeout", "skipped", "unavailable"}
    assert "location knows 64 positions, adding has 100" in set(text["reason"])
    assert text["trials"].astype(int).sum() == (results.all_trials["outcome"] != "ok").sum()
    last = text.iloc[-1]
    assert (last["mechanism"], last["outcome"], last["trials"]) == ("torn_score", "unavailable", "0")
    assert last["reason"] == "SyntaxError: unterminated string literal (line 7)"


def test_few_seeds_are_confessed(tmp_path: Path) -> None:
    assert about(sentences(tmp_path / "a", {"rnn": [0.5, 0.5]}), "rests on 2 seeds")
    single = sentences(tmp_path / "b", {"rnn": [0.1], "gru": [0.9]})
    assert about(single, "rests on one seed")
    assert about(single, "gru has the highest score over all tasks, 0.90, on its only seed")
    assert not about(single, "above the plain rnn")
    assert not about(sentences(tmp_path / "c", {"rnn": [0.5] * 5}), "rests on")
