"""The first three tasks, by hand and by their distributions."""

import math

import pytest
import torch

from tasks import TASKS


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.mark.reference("task", "copy")
def test_copy_layout():
    """By hand: 2 items of 3 symbols and 2 blanks; blank is 3, mark is 4."""
    batch = TASKS["copy"](items=2, symbols=3).sample(2, 5, stream())
    assert torch.equal(batch.source[:, :2], batch.target)
    assert (batch.source[:, 2:] == 3).all()
    assert (batch.query == 4).all()
    assert batch.links[0].int().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]


def test_copy_floor_of_a_memoryless_reader():
    """A readout of the queries alone, fitted to the data, gets 10 ln 8 / (T + 20) a position (Arjovsky 2016)."""
    task, blanks = TASKS["copy"](), 100
    batch = task.sample(blanks, 20_000, stream())
    frequencies = torch.stack([torch.bincount(column, minlength=8) for column in batch.target.T]) / len(batch)
    losses = -frequencies.log().gather(1, batch.target.T).double()
    floor = 10 * math.log(8) / (blanks + 20)
    assert floor == pytest.approx(0.173, abs=5e-4)
    assert losses.sum(0).mean().item() / (blanks + 20) == pytest.approx(floor, rel=2e-3)


def test_adding_marks_one_value_in_each_half():
    batch = TASKS["adding"]().sample(11, 4000, stream())
    marks = batch.source[..., 1]
    assert (marks[:, :5].sum(1) == 1).all()
    assert (marks[:, 5:].sum(1) == 1).all()
    assert (marks.mean(0) > 0).all(), "every position is marked at times"


@pytest.mark.reference("task", "adding")
def test_adding_asks_for_the_sum_of_the_marked_values():
    batch = TASKS["adding"]().sample(11, 29, stream())
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        assert target == [pytest.approx(sum(value for value, mark in source if mark == 1), rel=1e-6)]


@pytest.mark.reference("task", "recall")
def test_recall_answers_are_those_of_a_dictionary():
    task = TASKS["recall"](pairs=5, vocabulary=20)
    batch = task.sample(23, 29, stream())
    sources, queries, answers = (task.words(part) for part in ("source", "query", "target"))
    for row in range(len(batch)):
        source = [sources[token] for token in batch.source[row].tolist()]
        known = dict(zip(source[0::2], source[1::2], strict=True))
        asked = [queries[token] for token in batch.query[row].tolist()]
        assert batch.scored[row].tolist() == [word in known for word in asked]
        targets = batch.target[row].tolist()
        assert [answers[targets[q]] for q, word in enumerate(asked) if word in known] == [
            known[word] for word in asked if word in known
        ]


def test_recall_query_side_never_shows_a_false_key():
    task = TASKS["recall"](pairs=8, vocabulary=32)
    batch = task.sample(64, 2000, stream())
    keys = batch.source[:, 0::2]
    is_key = (batch.query.unsqueeze(2) == keys.unsqueeze(1)).any(2)
    assert torch.equal(is_key, batch.scored)
    assert (batch.scored.sum(1) == 8).all()


def test_recall_keys_and_values_are_distinct_and_of_their_own_halves():
    batch = TASKS["recall"](pairs=5, vocabulary=20).sample(23, 500, stream())
    keys, values = batch.source[:, 0::2], batch.source[:, 1::2]
    assert keys.max() < 10 <= values.min()
    for tokens in (keys, values):
        ordered = tokens.sort(1).values
        assert (ordered.diff(dim=1) > 0).all()


def test_recall_filler_is_uniform_over_the_other_tokens():
    """Each token that is not a key of the row is equally likely as filler."""
    task = TASKS["recall"](pairs=2, vocabulary=8)
    batch = task.sample(1000, 200, stream())
    keys, values = 4, 4
    filler = batch.query[~batch.scored]
    counts = torch.bincount(filler, minlength=8).double() / len(filler)
    # A value token is always among the 6 others; a key token only where it is not one of the row's 2 of 4.
    expected = torch.tensor([1 / 6 * 2 / 4] * keys + [1 / 6] * values, dtype=torch.float64)
    assert (counts[keys:] - expected[keys:]).abs().max() < 5e-3
    assert counts[:keys].mean().item() == pytest.approx(expected[0].item(), abs=2e-3)


def test_recall_places_follow_the_power_law():
    """With one pair the place is drawn with weight place^(power-1), as in the published generator."""
    task = TASKS["recall"](pairs=1, vocabulary=64, power=0.01)
    batch = task.sample(12, 40_000, stream())
    observed = batch.scored.double().mean(0)
    weights = torch.arange(1, 11, dtype=torch.float64) ** (0.01 - 1)
    assert (observed - weights / weights.sum()).abs().max() < 4 * math.sqrt(0.25 / 40_000)


@pytest.mark.parametrize("settings", [{"pairs": 0}, {"pairs": 40, "vocabulary": 64}])
def test_recall_refuses_impossible_settings(settings):
    with pytest.raises(ValueError, match="pairs"):
        TASKS["recall"](**settings)
