from __future__ import annotations

from pathlib import Path

import pytest

from tests.results.sentences import about, sentences


@pytest.mark.reference("view", "solved")
def test_solved_needs_every_seed(tmp_path: Path) -> None:
    told = sentences(tmp_path / "a", {"rnn": [0.99, 0.98], "gru": [0.99, 0.5], "lstm": [0.02, 0.05]})
    assert about(told, "copy: solved (a score of 0.95 or more on every seed) by rnn; near chance", "lstm.")
    nobody = sentences(tmp_path / "b", {"rnn": [0.5, 0.6], "gru": [0.99, 0.5]})
    assert about(nobody, "no mechanism reaches 0.95 on every seed", "of gru")


def test_what_a_simple_reader_scores_is_not_solved(tmp_path: Path) -> None:
    scores = {"rnn": [0.99, 0.97], "gru": [0.6, 0.5], "lstm": [0.02, 0.05]}
    told = sentences(tmp_path / "a", scores, shortcuts={"bag": 0.98, "last": 0.4})
    (text,) = about(told, "copy: ", "near chance")
    assert text == (
        "copy: no mechanism is above the 0.98 of a simple reader (bag) on every seed; the best mean is 0.98, of rnn; "
        "at most the 0.98 of a simple reader (bag) on every seed: gru; near chance (at most 0.1 on every seed): lstm."
    )
    assert not about(told, "copy: solved")
    assert about(sentences(tmp_path / "b", scores, shortcuts={"bag": 0.9}), "copy: solved", "by rnn; at most the 0.90")
