from __future__ import annotations

import math

import pytest

from results.analysis.ranking import ranked
from results.analysis.run import Results


def test_the_ranking(results: Results) -> None:
    table = ranked(results).set_index("mechanism")
    assert list(table["rank"]) == list(range(1, 18))
    complete = table[table["tasks"] == 3]
    assert complete["score"].is_monotonic_decreasing
    # A task is skipped: after those that did all of them, though the plain rnn scores less.
    assert table["rank"]["transformer(location)"] == 17
    assert table["score"]["transformer(location)"] > table["score"]["rnn"]
    # The failed task counts as chance: six scores, one cut at each end, so 0.72 and not 0.96.
    own = table.loc["rnn_attention(cosine)"]
    values = sorted([0.0, 0.0, own["copy_low"], own["copy_high"], own["adding_low"], own["adding_high"]])
    assert own["score"] == pytest.approx(sum(values[1:5]) / 4)
    assert table["adding"]["rnn"] == 0
    assert table["adding_word"]["rnn"] == "diverged"
    assert table["decay"]["rnn"] == pytest.approx(0.2, abs=0.01)
    assert math.isinf(table["horizon"]["transformer(dot)"])
    assert table["steps_to_solve"]["lstm"] == 300
    assert table["solved"]["lstm"] == pytest.approx(1 / 3)
