from __future__ import annotations

from pathlib import Path

from results import Store
from results.analysis.run import Results, read
from results.report.contents import find
from tests.results.sentences import about


def test_a_whole_run(results: Results) -> None:
    told = [finding.text for finding in find(results)]
    assert about(told, "rnn_attention(my_score), a plugin, comes out at rank 9 of 17")
    assert about(told, "the gradient vanishes over 126 positions in rnn (0.200 [", "1 % left after 24")
    assert about(told, "the gradient holds", "transformer with every score")
    assert about(told, "10 of 255 trials gave no result: 4 diverged, 4 failed, 2 timeout.")
    assert about(told, "every score of content alone that has a result beats location on copy, adding and recall")
    # Its second seed ran out of time: not solved, whatever the first one scored.
    assert not about(told, "adding: solved", "transformer")


def test_nothing_is_said_of_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "results.sqlite").close()
    assert find(read(tmp_path)) == []
