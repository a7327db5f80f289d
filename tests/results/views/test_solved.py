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
