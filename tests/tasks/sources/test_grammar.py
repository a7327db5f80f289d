"""Drawing trees of an exact length, and texts of a context-free grammar, against enumeration."""

import math
from collections import Counter
from itertools import product

import pytest
import torch

from tasks.sources.context_free import ContextFree
from tasks.sources.grammar import Grammar


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def strings(ends, rules, symbol, length):
    """Every string of symbols that end, with the weight of all of its trees, by recursion over splits.

    `ends` says which tokens a symbol may end as: ends[symbol][token].
    """
    if length == 1:
        return Counter({(token,): weight for token, weight in ends[symbol].items()})
    found = Counter()
    for parent, left, right, weight in rules:
        if parent == symbol:
            for cut in range(1, length):
                first, second = strings(ends, rules, left, cut), strings(ends, rules, right, length - cut)
                for (a, p), (b, q) in product(first.items(), second.items()):
                    found[a + b] += weight * p * q
    return found


# 0 and 1 branch and end, 2 ends only, 3 is of 2 tokens or more, so that some splits have no weight.
ENDS = [0.3, 0.7, 2.0, 0.0]
RULES = [(1, 0, 2, 0.4), (0, 1, 1, 0.2), (3, 2, 1, 1.5), (0, 3, 3, 0.9), (0, 2, 0, 0.6), (1, 3, 1, 0.1)]


def grammar():
    rules = torch.tensor([rule[:3] for rule in RULES])
    return Grammar(torch.tensor(ENDS), rules, torch.tensor([rule[3] for rule in RULES]))


def enumerated(symbol, length):
    ends = [{symbol: weight} if weight else {} for symbol, weight in enumerate(ENDS)]
    return strings(ends, RULES, symbol, length)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_inside_weights_are_sums_over_trees(length):
    inside = grammar().inside(length)
    expected = [sum(enumerated(symbol, length).values()) for symbol in range(4)]
    assert inside[:, length].tolist() == pytest.approx(expected, rel=1e-6)  # the weights are given in float32
    assert (inside[:, 0] == 0).all()


@pytest.mark.parametrize("length", [1, 2, 4, 5])
def test_trees_are_drawn_by_their_weight(length):
    expected = enumerated(0, length)
    total, size = sum(expected.values()), 60_000
    drawn = Counter(map(tuple, grammar().sample(length, size, stream()).tolist()))
    assert drawn.keys() <= expected.keys()
    for string, weight in expected.items():
        share = weight / total
        assert abs(drawn[string] / size - share) < 4.5 * math.sqrt(share * (1 - share) / size) + 1 / size


def test_uniform_parts_are_left():
    """A → B B, and B of 2 tokens is always the same: left as B, then symbol 0; of 1 and 3 it is taken apart."""
    rules = torch.tensor([(0, 1, 1), (1, 2, 1)])
    plain, left = (
        Grammar(torch.tensor([0.0, 1.0, 1.0]), rules, torch.tensor([1.0, 1.0]), uniform)
        for uniform in (None, torch.tensor([1, 2, 1]))
    )
    assert {tuple(row) for row in plain.sample(4, 300, stream()).tolist()} == {(1, 2, 2, 1), (2, 1, 2, 1), (2, 2, 1, 1)}
    assert {tuple(row) for row in left.sample(4, 300, stream()).tolist()} == {(1, 2, 1, 0), (1, 0, 1, 0), (2, 1, 0, 1)}


def test_long_trees_and_tables_that_grow():
    trees = grammar()
    before = trees.sample(11, 7, stream())
    assert trees.sample(301, 3, stream()).shape == (3, 301)
    assert torch.equal(trees.sample(11, 7, stream()), before)


@pytest.mark.parametrize("length", [19, 67])
def test_rules_written_many_times_draw_the_same_trees(length):
    """Of 6 rules the splits of 67 tokens are listed beforehand; of 2,406 they are laid out when they are drawn."""
    times = 401
    rules = torch.tensor([rule[:3] for rule in RULES]).repeat_interleave(times, 0)
    weights = torch.tensor([rule[3] for rule in RULES], dtype=torch.float64).repeat_interleave(times) / times
    many = Grammar(torch.tensor(ENDS), rules, weights)
    assert torch.equal(many.sample(length, 97, stream()), grammar().sample(length, 97, stream()))


SYMBOLS = 3


def language(number=1):
    return ContextFree(SYMBOLS, number, classes=2)


def distribution(source, length):
    """P(text | length) of every text, by enumeration of trees."""
    words, rules, weights = source.words.tolist(), source.rules.tolist(), source.weights.tolist()
    ends = [dict(enumerate(row)) for row in words]
    found = strings(ends, [(*rule, weight) for rule, weight in zip(rules, weights, strict=True)], 0, length)
    texts = torch.tensor(list(product(range(SYMBOLS), repeat=length)))
    shares = torch.tensor([found[tuple(text)] for text in texts.tolist()], dtype=torch.float64)
    return texts, shares / shares.sum()


def one_hot(texts):
    return torch.nn.functional.one_hot(texts, SYMBOLS).double()


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_likelihood(length):
    source = language()
    texts, shares = distribution(source, length)
    torch.testing.assert_close(source.log_likelihood(one_hot(texts)), shares.log(), rtol=0, atol=1e-12)
    evidence = torch.rand(7, length, SYMBOLS, generator=stream())
    agreement = evidence.double()[:, torch.arange(length), texts].prod(2)
    torch.testing.assert_close(source.log_likelihood(evidence), (agreement @ shares).log(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_next_word(length):
    source = language()
    texts, shares = distribution(source, length)
    predicted = source.next_word(texts)
    for place in range(length):
        same = (texts[:, None, :place] == texts[None, :, :place]).all(2).double() * shares
        expected = same @ one_hot(texts[:, place])
        torch.testing.assert_close(predicted[:, place].exp(), expected / expected.sum(1, keepdim=True))


@pytest.mark.parametrize("length", [1, 2, 5])
def test_others(length):
    source = language()
    texts, shares = distribution(source, length)
    evidence = torch.rand(11, length, SYMBOLS, generator=stream(), dtype=torch.float64)
    agreement = evidence[:, torch.arange(length), texts]
    known = source.others(evidence)
    for place in range(length):
        weights = shares * agreement[:, :, [t for t in range(length) if t != place]].prod(2)
        expected = weights @ one_hot(texts[:, place])
        torch.testing.assert_close(known[:, place].exp(), expected / expected.sum(1, keepdim=True))


def test_marginal_and_frequencies():
    source, length, size = language(), 4, 60_000
    texts, shares = distribution(source, length)
    torch.testing.assert_close(source.marginal(length), torch.einsum("x,xnv->nv", shares, one_hot(texts)))
    drawn = source.sample(length, size, stream())
    number = (drawn * SYMBOLS ** torch.arange(length - 1, -1, -1)).sum(1)
    frequencies = torch.bincount(number, minlength=len(texts)) / size
    assert ((frequencies - shares).abs() < 4.5 * (shares * (1 - shares) / size).sqrt() + 1 / size).all()


def test_a_language_is_its_number():
    first, again, other = language(1), language(1), language(2)
    text = one_hot(first.sample(13, 5, stream()))
    assert torch.equal(first.log_likelihood(text), again.log_likelihood(text))
    assert not torch.equal(first.log_likelihood(text), other.log_likelihood(text))


def test_long_texts_stay_in_range():
    """The chain rule over 151 words, whose likelihood is far below the least float64 of any word list."""
    source = ContextFree(61)
    text = source.sample(151, 2, stream())
    chain = source.next_word(text).gather(2, text.unsqueeze(2)).sum((1, 2))
    likelihood = source.log_likelihood(torch.nn.functional.one_hot(text, 61).double())
    torch.testing.assert_close(chain, likelihood, rtol=1e-10, atol=0)


def test_words_far_away_tell_something():
    """Knowing all words before is worth more than knowing the last one only: no bigram model is enough."""
    source = ContextFree(32)
    text = source.sample(24, 256, stream())
    place = 23
    full = source.next_word(text)[:, place]
    last = torch.ones(256, 24, 32, dtype=torch.float64)
    last[:, place - 1] = torch.nn.functional.one_hot(text[:, place - 1], 32)
    near = source.others(last)[:, place]
    gain = (full - near).gather(1, text[:, place:]).mean()
    assert gain > 0.1


@pytest.mark.parametrize("settings", [{"symbols": 0}, {"symbols": 5, "classes": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValueError, match=r"needs symbols >= 1 and classes >= 1"):
        ContextFree(**settings)
