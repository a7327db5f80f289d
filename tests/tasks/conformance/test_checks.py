"""Each check of a task finds the mistake that it is there to find, and no other task's."""

from dataclasses import replace

import pytest
import torch

from tasks import Batch, Classes, Task, Tokens
from tasks.conformance import check_task

SYMBOLS = 5


class Echo(Task):
    """Says a string again; a task without a mistake."""

    points = True
    necessary = True

    def __init__(self):
        self.source_space = self.query_space = Tokens(SYMBOLS + 1)
        self.target_space = Classes(SYMBOLS)

    def sample(self, length, size, generator):
        self.check_length(length)
        source = torch.randint(SYMBOLS, (size, length), generator=generator)
        query = torch.full_like(source, SYMBOLS)
        links = torch.eye(length, dtype=torch.bool).expand(size, -1, -1)
        return Batch(source, query, source, torch.ones_like(query, dtype=torch.bool), links)

    def chance(self, length):
        return 1 / SYMBOLS

    def ceiling(self, length):
        return 1.0

    def answer(self, batch):
        return batch.source


class Changed(Echo):
    """Echo with another batch."""

    def sample(self, length, size, generator):
        return self.change(super().sample(length, size, generator))


class TooFew(Changed):
    def change(self, batch):
        return next(batch.split(3))


class NothingScored(Changed):
    def change(self, batch):
        return replace(batch, scored=torch.zeros_like(batch.scored), links=None)


class BeyondItsSpace(Changed):
    def change(self, batch):
        return replace(batch, query=batch.query + 1)


class Wordless(Echo):
    def words(self, part):
        return []


class DrawnElsewhere(Changed):
    def change(self, batch):
        source = torch.randint(SYMBOLS, batch.source.shape)
        return replace(batch, source=source, target=source)


class AlwaysTheSame(Echo):
    def sample(self, length, size, generator):
        return super().sample(length, size, torch.Generator().manual_seed(1))


class Wrong(Echo):
    def answer(self, batch):
        return (batch.source + 1) % SYMBOLS


class NothingToGain(Echo):
    def chance(self, length):
        return 1.0


class Lowballing(Echo):
    def chance(self, length):
        return 0.5 / SYMBOLS


class Shifted(Changed):
    """Shows each answer at the next query, and does not say so."""

    def change(self, batch):
        query = torch.cat([batch.query[:, :1], batch.target[:, :-1]], dim=1)
        return replace(batch, query=query)


class PointsElsewhere(Changed):
    necessary = False

    def change(self, batch):
        return replace(batch, links=batch.links.roll(1, dims=2))


class LinkedToTooLittle(PointsElsewhere):
    points = False


class LinkedThoughNotScored(Changed):
    def change(self, batch):
        scored = batch.scored.clone()
        scored[:, 0] = False
        return replace(batch, scored=scored)


class LinkedToAll(Changed):
    points = False

    def change(self, batch):
        return replace(batch, links=torch.ones_like(batch.links))


class Raising(Echo):
    def sample(self, length, size, generator):
        raise RuntimeError("no")


class Refusing(Echo):
    def check_length(self, length):
        raise ValueError("no")


MISTAKES = [
    (TooFew, "shapes", "512 examples were asked for"),
    (NothingScored, "shapes", "true somewhere in every example"),
    (BeyondItsSpace, "ranges", "query has tokens from 6 to 6, and its space only 6 of them"),
    (Wordless, "words", 'words("source") has 0 words for 6 tokens'),
    (DrawnElsewhere, "deterministic", "the same generator gave two different batches"),
    (AlwaysTheSame, "deterministic", "two generators gave the same batch"),
    (DrawnElsewhere, "no_global_randomness", "torch's global generator"),
    (Wrong, "oracle", "answer scores 0, and ceiling says 1"),
    (NothingToGain, "bounds", "two different finite numbers"),
    (Lowballing, "chance", "better than chance, 0.1"),
    (Shifted, "leaks", "a query tells the answer to another one"),
    (PointsElsewhere, "links", "the answer is the token at the linked position, and it is not"),
    (LinkedToTooLittle, "links", "the oracle cannot find the answer at query 0"),
    (LinkedThoughNotScored, "links", "a query that is not scored has links"),
    (LinkedToAll, "necessary", "position 0 does not to query 1"),
    (Raising, "samples", "it raised RuntimeError: no"),
    (Refusing, "samples", "check_length refuses every length from 16 to 4095"),
]


def test_a_task_without_a_mistake_passes_all():
    found = dict(check_task(Echo))
    assert not any(found.values())
    assert found.keys() == {"samples", *(check for _, check, _ in MISTAKES)}, "each check has its mistake"


@pytest.mark.parametrize(("task", "check", "sentence"), MISTAKES)
def test_a_mistake_is_found_by_its_check(task, check, sentence):
    assert sentence in dict(check_task(task))[check]
