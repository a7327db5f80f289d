"""ListOps against a parser, the published generator and a sum over all trees."""

import math
import random
from collections import Counter
from functools import cache
from itertools import product
from statistics import median

import numpy as np
import pytest
import torch

from tasks import TASKS
from tasks.listops import evaluate, value_distribution

OPERATORS = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(median(values)),
    "[SM": lambda values: sum(values) % 10,
}


def make(**settings):
    return TASKS["listops"](**settings)


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def parse(words, depth=1):
    """Take one expression off the front of `words`: its value, its depth, and the numbers of arguments in it."""
    word = words.pop(0)
    if word not in OPERATORS:
        return int(word), depth, []
    values, deepest, counts = [], depth, []
    while words[0] != "]":
        value, below, more = parse(words, depth + 1)
        values, deepest, counts = [*values, value], max(deepest, below), counts + more
    words.pop(0)
    return OPERATORS[word](values), deepest, [len(values), *counts]


def spelled(task, source):
    names = task.words("source")
    return [[names[token] for token in row] for row in source.tolist()]


def encoded(text):
    names = make().words("source")
    return torch.tensor([[names.index(word) for word in text.split()]])


@pytest.mark.reference("task", "listops")
@pytest.mark.parametrize(
    ("max_args", "max_depth", "length"), [(5, 10, 4), (5, 10, 37), (2, 10, 61), (7, 3, 47), (10, 10, 211)]
)
def test_sources_are_expressions_and_targets_their_values(max_args, max_depth, length):
    task = make(max_args=max_args, max_depth=max_depth)
    batch = task.sample(length, 97, stream())
    for words, target in zip(spelled(task, batch.source), batch.target.tolist(), strict=True):
        value, depth, counts = parse(words)
        assert not words, "one expression and nothing behind it"
        assert target == [value]
        assert depth <= max_depth
        assert 2 <= min(counts) <= max(counts) <= max_args
    assert torch.equal(task.answer(batch), batch.target)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MAX 4 [MED 3 9 5 2 ] 1 ]", 4),
        ("[MED 0 9 ]", 4),
        ("[MED 9 1 8 ]", 8),
        ("[SM 9 9 [MIN 7 3 5 ] ]", 1),
        ("[MIN [SM 5 5 ] 4 ]", 0),
        ("[MED [MED 7 8 ] [MAX 0 [SM 6 7 ] ] 9 2 ]", 5),
    ],
)
def test_by_hand(text, value):
    task, source = make(), encoded(text)
    batch = task.sample(4, 1, stream())
    assert evaluate(source).tolist() == [value]
    assert task.answer(type(batch)(source, batch.query, batch.target, batch.scored)).tolist() == [[value]]


def published(rng, max_args, max_depth, most, depth=1):
    """A tree as the published generator makes it, as words; None if it has more than `most`."""
    if depth == max_depth or rng.random() > 0.25:
        return [str(rng.randrange(10))]
    words = [rng.choice(list(OPERATORS))]
    for _ in range(rng.randint(2, max_args)):
        part = published(rng, max_args, max_depth, most, depth + 1)
        if part is None or len(words) + len(part) > most:
            return None
        words += part
    return [*words, "]"]


@pytest.mark.parametrize(("max_args", "max_depth", "length"), [(5, 10, 11), (4, 3, 15)])
def test_trees_are_drawn_as_the_published_generator_does(max_args, max_depth, length):
    """Depth and numbers of arguments of its trees that happen to have `length` tokens, and of ours."""
    rng, task = random.Random(7), make(max_args=max_args, max_depth=max_depth)
    theirs = (published(rng, max_args, max_depth, length) for _ in range(150_000))
    theirs = [words for words in theirs if words is not None and len(words) == length]
    ours = spelled(task, task.sample(length, 8000, stream()).source)
    shapes = [Counter(str(parse(list(words))[1:]) for words in each) for each in (theirs, ours)]
    assert len(theirs) > 500
    for shape in shapes[0] | shapes[1]:
        first, second = shapes[0][shape], shapes[1][shape]
        share = (first + second) / (len(theirs) + len(ours))
        spread = math.sqrt(share * (1 - share) * (1 / len(theirs) + 1 / len(ours)))
        assert abs(first / len(theirs) - second / len(ours)) < 4.5 * spread


def published_lengths(most, max_args, max_depth):
    """How likely each number of tokens is, by a sum over the numbers of arguments from the deepest level up."""
    tree = np.zeros(most + 1)
    tree[1] = 1
    for _ in range(max_depth - 1):
        inner, joined = np.zeros(most + 1), tree
        for _ in range(2, max_args + 1):
            joined = np.convolve(joined, tree)[: most + 1]
            inner[2:] += joined[:-2] / (max_args - 1)
        tree = 0.25 * inner
        tree[1] += 0.75
    return tree


@pytest.mark.parametrize(("preset", "mean"), [("nangia", 17.76), ("lra", 1035.02)])
def test_mixed_lengths_are_as_likely_as_in_the_published_generator(preset, mean):
    settings = dict(TASKS["listops"].presets[preset])
    shortest, longest = settings.pop("length")
    del settings["test_lengths"]
    lengths = range(shortest, longest + 1)
    weights = make(**settings).length_weights(lengths)
    expected = published_lengths(longest, **settings)[shortest:]
    assert torch.allclose(weights / weights.sum(), torch.from_numpy(expected / expected.sum()), rtol=1e-9, atol=0)
    assert (weights / weights.sum() * torch.tensor(lengths)).sum().item() == pytest.approx(mean, abs=0.005)


def test_the_generators_lengths_are_those_of_its_loop():
    rng = random.Random(11)
    theirs = [words for words in (published(rng, 4, 5, 30) for _ in range(100_000)) if words and len(words) > 1]
    expected = published_lengths(30, 4, 5)
    expected[1] = 0
    counts = Counter(map(len, theirs))
    for length, share in enumerate(expected / expected.sum()):
        assert abs(counts[length] / len(theirs) - share) < 4.5 * math.sqrt(share * (1 - share) / len(theirs)) + 1e-12


def summed_distribution(length, max_args, max_depth):
    """The distribution of the value, summed over all trees: splits into arguments, their values, and the operator."""

    @cache
    def weights(depth, tokens):
        if tokens == 1:
            return dict.fromkeys(range(10), (0.75 if depth < max_depth else 1) / 10)
        found = Counter()
        if depth == max_depth:
            return found
        for count in range(2, max_args + 1):
            for sizes in product(range(1, tokens), repeat=count):
                parts = [weights(depth + 1, size) for size in sizes] if sum(sizes) == tokens - 2 else [{}]
                for values in product(*parts):
                    weight = math.prod(part[value] for part, value in zip(parts, values, strict=True))
                    for apply in OPERATORS.values():
                        found[apply(values)] += 0.25 / 4 / (max_args - 1) * weight
        return found

    distribution = weights(1, length)
    return [distribution[value] / sum(distribution.values()) for value in range(10)]


@pytest.mark.parametrize(
    ("max_args", "max_depth", "length"),
    [(2, 5, 4), (2, 5, 13), (3, 5, 5), (3, 4, 8), (3, 3, 11), (4, 3, 6), (4, 3, 8), (4, 2, 6), (5, 10, 7)],
)
def test_law_of_values(max_args, max_depth, length):
    expected = summed_distribution(length, max_args, max_depth)
    assert value_distribution(length, max_args, max_depth) == pytest.approx(expected, abs=1e-12)
    assert make(max_args=max_args, max_depth=max_depth).chance(length) == pytest.approx(max(expected), abs=1e-12)


@pytest.mark.parametrize(("max_args", "max_depth", "length"), [(5, 10, 64), (10, 10, 201), (3, 4, 52)])
def test_values_are_as_frequent_as_their_law_says(max_args, max_depth, length):
    """Also where expressions of this length are rare: at 3 arguments and depth 4 the longest has 53 tokens."""
    task, size = make(max_args=max_args, max_depth=max_depth), 4000
    distribution = torch.tensor(value_distribution(length, max_args, max_depth), dtype=torch.float64)
    assert distribution.sum().item() == pytest.approx(1, abs=1e-12)
    target = task.sample(length, size, stream()).target.flatten()
    frequencies = torch.bincount(target, minlength=10) / size
    assert ((frequencies - distribution).abs() < 4.5 * (distribution * (1 - distribution) / size).sqrt()).all()


@pytest.mark.parametrize(
    ("settings", "length"),
    [({}, 0), ({}, 1), ({}, 3), ({"max_args": 3}, 6), ({"max_args": 2}, 8), ({"max_args": 3, "max_depth": 2}, 7)],
)
def test_impossible_lengths_are_refused(settings, length):
    with pytest.raises(ValueError, match=f"length is {length}, but no expression"):
        make(**settings).sample(length, 3, stream())


def test_all_other_lengths_are_possible():
    task = make(max_args=4)
    assert [length for length in range(60) if task.accepts(length)] == [*range(4, 60)]


@pytest.mark.parametrize("settings", [{"max_args": 1}, {"max_depth": 1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match=r"listops needs max_args >= 2 and max_depth >= 2, not"):
        make(**settings)
