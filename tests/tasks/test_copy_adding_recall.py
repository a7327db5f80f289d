"""The first three tasks, by hand and by their distributions."""

import itertools
import math
import random
from collections import Counter

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
    """A readout of the queries alone, fitted to the data, gets 10 ln 8 / (T + 20) a position (Arjovsky 2015)."""
    task, blanks = TASKS["copy"](), 100
    batch = task.sample(blanks, 20_000, stream())
    frequencies = torch.stack([torch.bincount(column, minlength=8) for column in batch.target.T]) / len(batch)
    losses = -frequencies.log().gather(1, batch.target.T).double()
    floor = 10 * math.log(8) / (blanks + 20)
    assert floor == pytest.approx(0.173, abs=5e-4)
    assert losses.sum(0).mean().item() / (blanks + 20) == pytest.approx(floor, rel=2e-3)


def shares_of_places(marked):
    """Return how often each set of marked places occurs."""
    places = Counter(tuple(torch.where(row)[0].tolist()) for row in marked)
    return {places_of_row: count / len(marked) for places_of_row, count in places.items()}


def assert_as_frequent(shares, expected, count):
    assert shares.keys() <= expected.keys()
    for place, share in expected.items():
        assert abs(shares.get(place, 0) - share) < 4 * math.sqrt(share * (1 - share) / count), place


def test_adding_marks_any_two_places_equally_often():
    """As in the code of Bai et al., which draws two positions without replacement."""
    batch = TASKS["adding"]().sample(5, 20_000, stream())
    expected = dict.fromkeys(itertools.combinations(range(5), 2), 1 / 10)
    assert_as_frequent(shares_of_places(batch.source[..., 1] == 1), expected, len(batch))


def original_example(rng, least, length):
    """An example by the rule of Hochreiter & Schmidhuber 1997, section 5.4."""
    pairs = [[rng.uniform(-1, 1), 0.0] for _ in range(length)]
    first = rng.randrange(10)
    pairs[first][1] = 1.0
    unmarked = [place for place in range(length) if pairs[place][1] == 0]
    second = unmarked[rng.randrange(least // 2 - 1)]
    pairs[second][1] = 1.0
    counted = [0.0 if place == 0 else pairs[place][0] for place in (first, second)]
    pairs[0][1] = pairs[-1][1] = -1.0
    return pairs, 0.5 + sum(counted) / 4


def test_the_original_adding_data_are_those_of_the_rule_of_1997():
    rng, count = random.Random(3), 20_000
    theirs = [original_example(rng, 16, 17) for _ in range(count)]
    batch = TASKS["adding"](original=16).sample(17, count, stream())
    assert set(batch.source[..., 1].unique().tolist()) == {-1, 0, 1}
    assert (batch.source[:, [0, -1], 1] == -1).all()
    assert batch.source[..., 0].min() < -0.99
    assert batch.source[..., 0].max() > 0.99
    ours, other = (
        shares_of_places(marks == 1) for marks in (batch.source[..., 1], torch.tensor([p for p, _ in theirs])[..., 1])
    )
    assert ours.keys() == other.keys()
    for place, share in other.items():
        assert abs(ours[place] - share) < 4.5 * math.sqrt(2 * share * (1 - share) / count), place
    targets = torch.tensor([target for _, target in theirs], dtype=torch.float64)
    difference = batch.target.double().var() - targets.var()
    assert abs(difference) < 4 * math.sqrt(2 / count) * targets.square().std()


@pytest.mark.parametrize("least", [12, 100])
def test_chance_of_the_original_adding_data_is_a_count_over_all_places(least):
    """The answer 1/2 misses by a quarter of the marked values, each of variance 1/3, those at the first pair aside."""
    squares = []
    for first in range(10):
        others = [place for place in range(least) if place != first][: least // 2 - 1]
        squares += [sum(place > 0 for place in (first, second)) / 3 / 16 for second in others]
    assert TASKS["adding"](original=least).chance(least) == pytest.approx(sum(squares) / len(squares), rel=1e-12)


def test_the_original_adding_answers_are_those_of_the_rule():
    task = TASKS["adding"](original=100)
    batch = task.sample(110, 500, stream())
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        assert target == [pytest.approx(0.5 + sum(value for value, mark in source if mark == 1) / 4, abs=1e-6)]
    assert torch.equal(task.answer(batch), batch.target)
    error = (batch.target - 0.5).square()
    assert error.mean().item() == pytest.approx(task.chance(110), abs=4 * error.std().item() / 500**0.5)


def test_the_original_adding_data_have_no_shorter_lengths():
    with pytest.raises(ValueError, match="original is 10, but must be above 10"):
        TASKS["adding"](original=10)
    with pytest.raises(ValueError, match="length is 99, but must be at least 100"):
        TASKS["adding"](original=100).sample(99, 3, stream())


@pytest.mark.reference("task", "adding")
def test_adding_asks_for_the_sum_of_the_marked_values():
    batch = TASKS["adding"]().sample(11, 29, stream())
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        assert target == [pytest.approx(sum(value for value, mark in source if mark == 1), rel=1e-6)]


@pytest.mark.reference("task", "recall")
def test_recall_answers_are_those_of_a_dictionary():
    task = TASKS["recall"](pairs=5, vocabulary=20)
    batch = task.sample(27, 29, stream())
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


def published_slots(pairs, queries, power):
    """Return how often each set of places is drawn by the published generator, summed over all orders of drawing.

    It draws slots one after another without replacement, with weights n^(power-1), and doubles them.
    """
    weights = {slot: (slot + 1) ** (power - 1) for slot in range(queries // 2)}
    shares = Counter()
    for order in itertools.permutations(weights, pairs):
        left, share = sum(weights.values()), 1.0
        for slot in order:
            share *= weights[slot] / left
            left -= weights[slot]
        shares[tuple(sorted(2 * slot for slot in order))] += share
    return shares


@pytest.mark.parametrize(("pairs", "length"), [(1, 12), (2, 12), (3, 16)])
def test_recall_places_are_those_of_the_published_generator(pairs, length):
    batch = TASKS["recall"](pairs=pairs, vocabulary=64, power=0.01).sample(length, 40_000, stream())
    assert_as_frequent(shares_of_places(batch.scored), published_slots(pairs, length - 2 * pairs, 0.01), len(batch))


def test_recall_asks_at_every_second_query_also_at_the_shortest_length():
    batch = TASKS["recall"](pairs=3, vocabulary=10).sample(11, 50, stream())
    assert batch.scored.tolist() == [[True, False, True, False, True]] * 50
    with pytest.raises(ValueError, match="length is 10, but must be at least 11 for 3 pairs"):
        TASKS["recall"](pairs=3).sample(10, 3, stream())


def test_recall_with_blanks_is_the_published_row():
    """The tokens of figure 2: 0 is the only filler, keys are 1 to V/2 - 1, and values V/2 to V - 1."""
    batch = TASKS["recall"](pairs=3, vocabulary=10, blank=True).sample(20, 2000, stream())
    filler = batch.query[~batch.scored]
    assert (filler == 0).all()
    assert batch.source[:, 0::2].unique().tolist() == [1, 2, 3, 4]
    assert batch.source[:, 1::2].unique().tolist() == [5, 6, 7, 8, 9]
    for row in range(len(batch)):
        pairs = batch.source[row].view(-1, 2).tolist()
        answers = {key: value - 5 for key, value in pairs}
        asked = [(q, token) for q, token in enumerate(batch.query[row].tolist()) if token]
        assert [q % 2 for q, _ in asked] == [0, 0, 0]
        assert [batch.target[row, q].item() for q, _ in asked] == [answers[token] for _, token in asked]


def test_recall_presets_are_those_of_figure_2():
    for preset in TASKS["recall"].presets.values():
        assert preset["blank"]
        assert (preset["length"], preset["pairs"]) in {(64, 4), (128, 8), (256, 16), (512, 64)}


@pytest.mark.parametrize(
    "settings", [{"pairs": 0}, {"pairs": 40, "vocabulary": 64}, {"pairs": 32, "vocabulary": 64, "blank": True}]
)
def test_recall_refuses_impossible_settings(settings):
    with pytest.raises(ValueError, match="pairs"):
        TASKS["recall"](**settings)
