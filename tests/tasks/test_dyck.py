"""Dyck against plain stacks and enumeration."""

import math
from collections import Counter
from itertools import product

import pytest
import torch

from tasks import TASKS


def make(**settings):
    return TASKS["dyck"](**settings)


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def innermost(tokens, kinds):
    """The place of the innermost open bracket of a prefix of a Dyck word; None if it is none, or none is open."""
    stack = []
    for place, token in enumerate(tokens):
        if token < kinds:
            stack.append(place)
        elif not stack or tokens[stack.pop()] != token - kinds:
            return None
    return stack[-1] if stack else None


def deepest(tokens, kinds):
    depth = best = 0
    for token in tokens:
        depth += 1 if token < kinds else -1
        best = max(best, depth)
    return best


@pytest.mark.reference("task", "dyck")
@pytest.mark.parametrize(("kinds", "max_depth", "length"), [(2, 0, 1), (2, 0, 67), (3, 1, 5), (5, 4, 38), (2, 2, 101)])
def test_sources_are_prefixes_and_links_the_open_bracket(kinds, max_depth, length):
    batch = make(kinds=kinds, max_depth=max_depth).sample(length, 211, stream())
    for tokens, target, links in zip(
        batch.source.tolist(), batch.target.tolist(), batch.links[:, 0].tolist(), strict=True
    ):
        place = innermost(tokens, kinds)
        assert place is not None
        assert links == [here == place for here in range(length)]
        assert target == [tokens[place]]
        assert not max_depth or deepest(tokens, kinds) <= max_depth


@pytest.mark.parametrize(("kinds", "max_depth", "length"), [(2, 0, 5), (2, 0, 6), (3, 2, 4), (2, 1, 5), (2, 3, 6)])
def test_every_shape_is_equally_likely_and_so_is_every_kind(kinds, max_depth, length):
    """A source's probability: one in the number of shapes, times one in kinds for each bracket that opens."""
    prefixes = [
        tokens
        for tokens in product(range(2 * kinds), repeat=length)
        if innermost(tokens, kinds) is not None and deepest(tokens, kinds) <= (max_depth or length)
    ]
    shapes = {tuple(token < kinds for token in tokens) for tokens in prefixes}
    size = 40_000
    drawn = Counter(map(tuple, make(kinds=kinds, max_depth=max_depth).sample(length, size, stream()).source.tolist()))
    assert drawn.keys() <= set(prefixes)
    for tokens in prefixes:
        share = kinds ** -sum(token < kinds for token in tokens) / len(shapes)
        assert abs(drawn[tokens] / size - share) < 4.5 * math.sqrt(share / size)


def test_number_of_shapes():
    """Unbounded paths that never go below 0 number n choose n/2; of even n, those that end at 0 are Catalan's."""
    for length, number in ((7, math.comb(7, 3)), (8, math.comb(8, 4) - math.comb(8, 4) // 5)):
        source = make().sample(length, 4000, stream()).source
        assert len({tuple(row) for row in (source < 2).tolist()}) == number


def test_long_sources():
    """Ballot numbers of 1999 brackets overflow; their shares do not. The open bracket is at times far back."""
    batch = make().sample(1999, 256, stream())
    distance = 1999 - batch.links[:, 0].int().argmax(1)
    assert distance.max() > 200
    assert torch.equal(make().answer(batch), batch.target)


def test_by_hand():
    task = make()
    batch = task.sample(8, 1, stream())
    shown = torch.tensor([[task.words("source").index(word) for word in ["(", "[", "(", ")", "(", "[", "]", ")"]]])
    hidden = torch.where(torch.arange(8) == 1, shown, -1)
    for source in (shown, hidden):
        answer = task.answer(type(batch)(source, batch.query, batch.target, batch.scored))
        assert [task.words("target")[row[0]] for row in answer.tolist()] == ["]"]
    assert task.words("query")[batch.query[0, 0]] == "?"


def test_words_of_many_kinds():
    task = make(kinds=6)
    assert len(task.words("source")) == task.source_space.size == 13
    assert len(task.words("target")) == 6
    assert len(set(task.words("source"))) == 13


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"kinds": 1}, "kinds is 1, but"), ({"max_depth": -1}, "max_depth is -1, but")],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


@pytest.mark.parametrize(("max_depth", "length"), [(0, 0), (1, 0), (1, 6)])
def test_impossible_lengths_are_refused(max_depth, length):
    with pytest.raises(ValueError, match=f"length is {length}, "):
        make(max_depth=max_depth).sample(length, 3, stream())
