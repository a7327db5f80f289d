"""What every task must satisfy, run over the registry."""

import math

import pytest
import torch

from tasks import TASKS, Classes, Scalar

LENGTHS = {"copy": (7, 23), "adding": (11, 29), "recall": (13, 31)}
CASES = [(name, length) for name in TASKS for length in LENGTHS.get(name, (17, 31))]


def make(name):
    return TASKS[name](pairs=3, vocabulary=22) if name == "recall" else TASKS[name]()


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("name", "length"), CASES)
def test_shapes_and_ranges(name, length):
    task = make(name)
    batch = task.sample(length, 37, stream())
    assert batch.query.shape == batch.target.shape == batch.scored.shape
    assert batch.links.shape == (37, batch.query.shape[1], batch.source.shape[1])
    assert batch.scored.any(1).all(), "every example asks something"
    assert batch.query.max() < task.query_space.size
    if isinstance(task.target_space, Classes):
        assert batch.target.min() >= 0
        assert batch.target.max() < task.target_space.size


@pytest.mark.parametrize(("name", "length"), CASES)
def test_oracle_reaches_the_ceiling(name, length):
    task = make(name)
    batch = task.sample(length, 257, stream())
    answer, target = task.answer(batch)[batch.scored], batch.target[batch.scored]
    if isinstance(task.target_space, Scalar):
        assert (answer - target).square().mean().item() == pytest.approx(task.ceiling(length), abs=1e-12)
    else:
        assert (answer == target).double().mean().item() == task.ceiling(length)


@pytest.mark.parametrize(("name", "length"), CASES)
def test_links_suffice(name, length):
    """The oracle still answers when everything that is not linked is overwritten."""
    task = make(name)
    batch = task.sample(length, 53, stream())
    other = task.sample(length, 53, stream(6)).source
    for q in range(batch.query.shape[1]):
        rows = batch.scored[:, q]
        linked = batch.links[:, q]
        keep = linked if batch.source.ndim == 2 else linked.unsqueeze(2)
        # Adding sums over marks, recall compares with keys: overwrite with what can be neither.
        source = torch.where(keep, batch.source, torch.full_like(other, -1) if name == "recall" else other * 0)
        answer = task.answer(type(batch)(source, batch.query, batch.target, batch.scored, batch.links))
        torch.testing.assert_close(answer[rows, q].to(batch.target), batch.target[rows, q], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("name", "length"), CASES)
def test_one_generator_state_one_batch(name, length):
    first, second = (make(name).sample(length, 19, stream(3)) for _ in range(2))
    for field in ("source", "query", "target", "scored", "links"):
        assert torch.equal(getattr(first, field), getattr(second, field))
    assert not torch.equal(first.source, make(name).sample(length, 19, stream(4)).source)


@pytest.mark.parametrize(("name", "length"), CASES)
def test_no_global_randomness(name, length):
    before = torch.random.get_rng_state()
    make(name).sample(length, 19, stream())
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(("name", "length"), CASES)
def test_best_constant_scores_chance(name, length):
    """The best constant answer has the metric `chance`, within three standard errors."""
    task = make(name)
    batch = task.sample(length, 20_000, stream())
    target = batch.target[batch.scored].double()
    if isinstance(task.target_space, Scalar):
        errors = (target - target.mean()).square()
        assert abs(errors.mean() - task.chance(length)) < 3 * errors.std() / math.sqrt(len(errors))
    else:
        counts = torch.bincount(target.long(), minlength=task.target_space.size) / len(target)
        spread = math.sqrt(task.chance(length) * (1 - task.chance(length)) / len(target))
        assert (counts - task.chance(length)).abs().max() < 4 * spread  # the largest of many deviations


@pytest.mark.parametrize(("name", "length"), [("recall", 8), ("adding", 1), ("copy", 0)])
def test_too_short_is_refused(name, length):
    with pytest.raises(ValueError, match="length"):
        make(name).sample(length, 3, stream())


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
