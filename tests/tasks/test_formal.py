"""Formal languages and string transductions: answers and chance, against plain Python that reads the words."""

import itertools
import math
from collections import Counter
from fractions import Fraction

import pytest
import torch

from tasks import TASKS

SOLVE = {}


def solves(name):
    return lambda function: SOLVE.setdefault(name, function)


@solves("parity")
def _(words):
    return ["odd" if words.count("1") % 2 else "even"]


@solves("even_pairs")
def _(words):
    pairs = [a + b for a, b in itertools.pairwise(words)]
    return ["odd" if (pairs.count("ab") + pairs.count("ba")) % 2 else "even"]


@solves("modular_arithmetic")
def _(words, modulus=5):
    return [str(eval("".join(words)) % modulus)]


@solves("cycle_navigation")
def _(words, states=5):
    return [str(sum(map(int, words)) % states)]


@solves("missing_duplicate")
def _(words, symbols=8, blanks=2):
    half, places = len(words) // 2, [place for place, word in enumerate(words) if word == "_"]
    assert len(places) == blanks
    return [words[place + half if place < half else place - half] for place in places]


@solves("reverse")
def _(words, symbols=2):
    return list(reversed(words))


@solves("duplicate_string")
def _(words, symbols=2):
    return words * 2


@solves("odds_first")
def _(words, symbols=2):
    numbered = list(enumerate(words, start=1))
    return [w for n, w in numbered if n % 2 == 1] + [w for n, w in numbered if n % 2 == 0]


@solves("bucket_sort")
def _(words, symbols=5):
    return sorted(words)


@solves("stack")
def _(words):
    stack = []
    for word in words:
        if word != "^":
            stack.append(word.removeprefix("+"))
        elif stack:
            stack.pop()
    return [*reversed(stack), *["."] * (len(words) + 1 - len(stack))]


def distribution(name, length, settings):
    """Yield every source with its probability."""
    symbols = [str(n) for n in range(next(iter(settings.values()), 5 if name == "bucket_sort" else 2))]
    alphabets = {
        "even_pairs": [["a", "b"]] * length,
        "cycle_navigation": [["-1", "0", "+1"]] * length,
        "modular_arithmetic": [["+", "-", "*"] if n % 2 else symbols for n in range(length)],
    }
    if name == "stack":
        for contents in range(1, max(length, 2)):
            sources = [*itertools.product(*[["a", "b"]] * contents, *[["^", "+a", "+b"]] * (length - contents))]
            yield from ((list(source), Fraction(1, max(length - 1, 1) * len(sources))) for source in sources)
    elif name == "missing_duplicate":
        half, blanks = length // 2, settings["blanks"]
        pairs, copies = itertools.combinations(range(half), blanks), itertools.product((0, half), repeat=blanks)
        places = [[*map(sum, zip(*each, strict=True))] for each in itertools.product(pairs, copies)]
        for string, missing in itertools.product(itertools.product(symbols, repeat=half), places):
            source = ["_" if n in missing else word for n, word in enumerate(string * 2)]
            yield source, Fraction(1, len(symbols) ** half * len(places))
    else:
        sources = [*itertools.product(*alphabets.get(name, [symbols] * length))]
        yield from ((list(source), Fraction(1, len(sources))) for source in sources)


SMALL = [
    ("parity", {}, [1, 2, 5]),
    ("even_pairs", {}, [2, 3, 6]),
    ("modular_arithmetic", {"modulus": 5}, [1, 3, 5]),
    ("modular_arithmetic", {"modulus": 6}, [5]),
    ("modular_arithmetic", {"modulus": 2}, [7]),
    ("cycle_navigation", {}, [1, 2, 4, 7]),
    ("cycle_navigation", {"states": 2}, [5]),
    ("cycle_navigation", {"states": 11}, [3]),
    ("missing_duplicate", {"symbols": 2, "blanks": 1}, [2, 4, 6]),
    ("missing_duplicate", {"symbols": 3, "blanks": 1}, [6]),
    ("missing_duplicate", {"symbols": 3, "blanks": 2}, [4, 6]),
    ("missing_duplicate", {"symbols": 2, "blanks": 3}, [6]),
    ("reverse", {}, [1, 5]),
    ("reverse", {"symbols": 3}, [3]),
    ("duplicate_string", {}, [1, 5]),
    ("duplicate_string", {"symbols": 3}, [3]),
    ("odds_first", {}, [1, 2, 5]),
    ("odds_first", {"symbols": 3}, [3]),
    ("bucket_sort", {}, [1, 3, 5]),
    ("bucket_sort", {"symbols": 2}, [2, 7]),
    ("stack", {}, [1, 2, 3, 5, 7]),
]
CASES = [(name, settings, length) for name, settings, lengths in SMALL for length in lengths]
LONG = {"modular_arithmetic": [31, 301], "missing_duplicate": [34, 302]}
NAMES = sorted(SOLVE)


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def said(task, part, rows):
    words = task.words(part)
    return [[words[n] for n in row] for row in rows.tolist()]


@pytest.mark.reference("task", *NAMES)
@pytest.mark.parametrize("name", NAMES)
def test_answers_are_those_of_plain_python(name):
    task = TASKS[name]()
    for length, size in zip(LONG.get(name, [33, 301]), [199, 7], strict=True):
        batch = task.sample(length, size, stream())
        expected = [SOLVE[name](words) for words in said(task, "source", batch.source)]
        assert said(task, "target", batch.target) == expected
        assert said(task, "target", task.answer(batch)) == expected
        assert batch.scored.all()
        assert (batch.query == task.words("query").index("?")).all()


@pytest.mark.parametrize(("name", "settings", "length"), CASES)
def test_chance_is_the_best_of_all_sources(name, settings, length):
    answers = [Counter() for _ in SOLVE[name](next(distribution(name, length, settings))[0], **settings)]
    for words, probability in distribution(name, length, settings):
        for counter, answer in zip(answers, SOLVE[name](words, **settings), strict=True):
            counter[answer] += probability
    assert all(counter.total() == 1 for counter in answers)
    best = sum(max(counter.values()) for counter in answers) / len(answers)
    assert TASKS[name](**settings).chance(length) == pytest.approx(float(best), abs=1e-12)


@pytest.mark.parametrize(("name", "settings", "length"), CASES)
def test_every_source_is_as_likely_as_it_should_be(name, settings, length):
    """Pearson's statistic is within four standard deviations, and all settings answer as plain Python does."""
    task, size = TASKS[name](**settings), 20_011
    expected = {tuple(words): float(probability) for words, probability in distribution(name, length, settings)}
    rows, counts = torch.unique(task.sample(length, size, stream(3)).source, dim=0, return_counts=True)
    seen = dict(zip(map(tuple, said(task, "source", rows)), counts.tolist(), strict=True))
    assert seen.keys() <= expected.keys()
    statistic = sum((seen.get(words, 0) - size * p) ** 2 / (size * p) for words, p in expected.items())
    cells, inverse = len(expected), sum(1 / p for p in expected.values())
    variance = 2 * (cells - 1) + (inverse - cells**2 - 2 * cells + 2) / size
    assert abs(statistic - (cells - 1)) < 4 * math.sqrt(variance)
    batch = task.sample(length, 97, stream())
    answers = [SOLVE[name](words, **settings) for words in said(task, "source", batch.source)]
    assert said(task, "target", batch.target) == said(task, "target", task.answer(batch)) == answers


@pytest.mark.parametrize(("name", "length"), [("bucket_sort", 41), ("stack", 43), ("cycle_navigation", 3)])
def test_chance_far_out_is_what_frequencies_reach(name, length):
    """Answer each position with what was most frequent there in other examples."""
    task = TASKS[name]()
    learned, fresh = (task.sample(length, 20_011, stream(seed)).target for seed in (1, 2))
    share = (fresh == learned.mode(0).values).double().mean(1)
    assert abs(share.mean() - task.chance(length)) < 4 * share.std() / math.sqrt(len(share))


def test_what_occurs_an_odd_number_of_times_answers_missing_duplicate_only_with_one_blank():
    # Of two missing symbols, 7/8 differ, and one of them is right; if they agree, no count is odd, and a guess is left.
    cases = (({"symbols": 2, "blanks": 1}, 1.0), ({"blanks": 1}, 1.0), ({}, 7 / 8 / 2 + 1 / 8 / 8))
    for settings, share in cases:
        task = TASKS["missing_duplicate"](**settings)
        batch = task.sample(20, 20_011, stream())
        counts = torch.nn.functional.one_hot(batch.source, task.symbols + 2).sum(1)[:, : task.symbols]
        right = ((counts % 2).argmax(1, keepdim=True) == batch.target).double().mean()
        assert abs(right - share) < 4 * math.sqrt(share * (1 - share) / len(batch)) + 1e-12


def test_links_of_missing_duplicate_are_the_twins_of_the_blanks():
    task = TASKS["missing_duplicate"](symbols=3, blanks=4)
    batch = task.sample(14, 211, stream())
    for row in range(len(batch)):
        blanks = (batch.source[row] == task.blank).nonzero().flatten().tolist()
        assert batch.links[row].nonzero().tolist() == [[n, (place + 7) % 14] for n, place in enumerate(blanks)]
