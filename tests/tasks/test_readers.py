"""Readers that cannot attend, on tasks of which theory says what they can score; the floors of real tasks take minutes.

A source of the toy task has LENGTH tokens of three kinds, all equally likely.
"""

import itertools

import pytest
import torch

from benchmarks.readers import Counted, Pooled, Samples, codes, readers_of, score, with_occurrences
from tasks import TASKS, Batch, Classes, Task, Tokens

LENGTH, KINDS = 6, 3
TABLE = torch.tensor(list(itertools.product(range(KINDS), repeat=LENGTH)))  # all sources


def last_token(source):
    return source[:, -1]


def zeros_mod_2(source):
    return (source == 0).sum(1) % 2


def rises_mod_2(source):
    return ((source[:, :-1] == 0) & (source[:, 1:] == 1)).sum(1) % 2


class Toy(Task):
    """The answer follows from the source by a rule; without a rule it is a random bit."""

    def __init__(self, rule=None, classes=2):
        self.rule, self.classes = rule, classes
        self.source_space = self.query_space = Tokens(KINDS, "toy")
        self.target_space = Classes(classes)

    def sample(self, length, size, generator):
        source = torch.randint(KINDS, (size, length), generator=generator)
        bits = torch.randint(2, (size,), generator=generator)
        target = (self.rule(source) if self.rule else bits).unsqueeze(1)
        return Batch(source, torch.zeros_like(target), target, torch.ones_like(target, dtype=torch.bool))

    def chance(self, length):
        return float(torch.bincount(self.rule(TABLE)).max() / len(TABLE)) if self.rule else 1 / self.classes

    def ceiling(self, length):
        return 1.0

    def answer(self, batch):
        raise NotImplementedError


class Echo(Toy):
    """The answer to a query is the token of the query before it; the first one is not scored."""

    def sample(self, length, size, generator):
        source, query = torch.randint(KINDS, (2, size, length), generator=generator)
        return Batch(source, query, query.roll(1, 1), (torch.arange(length) > 0).expand(size, -1))


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(Counted, "steps", 200)
    monkeypatch.setattr(Pooled, "steps", 400)


def scores(task, fit=8192, length=LENGTH):
    stream = torch.Generator().manual_seed(17)
    samples = Samples(*(task.sample(length, size, stream) for size in (fit, 512, 4096)))
    found = {}
    for name, read in readers_of(task, samples.fit).items():
        torch.manual_seed(0)
        found[name] = score(task, length, read, samples)
    return found


def exact(rule, seen):
    """Return the normalised score of the best reader of `seen` (features of all sources), by counting answers."""
    answers = rule(TABLE)
    best = sum(int(torch.bincount(answers[(seen == key).all(1)]).max()) for key in seen.unique(dim=0))
    chance = int(torch.bincount(answers).max())
    return (best - chance) / (len(TABLE) - chance)


def counts_of(n):
    code = codes(TABLE, n, KINDS)
    return torch.stack([(code == number).sum(1) for number in range(KINDS**n)], dim=1)


SEEN = {
    "bag": counts_of(1),
    "bigrams": counts_of(2),
    "trigrams": counts_of(3),
    "first 4": TABLE[:, :4],
    "last 4": TABLE[:, -4:],
}


@pytest.mark.parametrize(
    ("rule", "classes", "best"),
    [
        (last_token, KINDS, ("bag", "bigrams", "first 4", "last 4")),
        (zeros_mod_2, 2, ("bag",)),
        (rises_mod_2, 2, ("bigrams",)),
    ],
)
def test_a_reader_scores_no_more_than_its_features_tell_and_learns_all_they_tell(rule, classes, best):
    """Of some rules one hidden layer learns less, such as the parity of four places."""
    found = scores(Toy(rule, classes))
    assert found.keys() == SEEN.keys()
    for name, seen in SEEN.items():
        possible = exact(rule, seen)
        assert found[name] < possible + 0.05, name
        assert name not in best or found[name] > possible - 0.05, name


def test_no_reader_scores_on_noise():
    found = scores(Toy(), fit=4096)
    # The normalised score of a guess between two classes has the standard error 1 / sqrt(answers).
    assert max(map(abs, found.values())) < 4 / 4096**0.5


def test_earlier_queries():
    found = scores(Echo(classes=KINDS), fit=4096)
    assert found["queries"] > 0.99
    assert max(value for name, value in found.items() if name != "queries") < 0.02


def test_a_set_of_vectors_adds_up():
    found = scores(TASKS["adding"](), fit=4096, length=5)
    assert found["set"] > 0.98
    assert found["first 4"] < 0.9


def test_occurrences_are_told_apart():
    code = torch.tensor([[4, 7, 4, 4, 7]])
    assert with_occurrences(code).tolist() == [[512, 896, 513, 514, 897]]


def test_an_ngram_longer_than_the_source_is_none():
    assert codes(torch.zeros(2, 2, dtype=torch.long), 3, KINDS).shape == (2, 0)
