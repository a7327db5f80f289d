"""The checks of a task: each finds a fault and says what is wrong."""

from dataclasses import replace

import pytest
import torch

from tasks import TASKS, Batch, Classes, Task, Tokens, uniform
from tests.conformance import checks_without_fault, failures, message

SYMBOLS = 5


class Echo(Task):
    """Repeat a string; a task without a fault.

    With length=4 ("5" is the mark):

        source  3 1 0 2
        query   5 5 5 5
        answer  3 1 0 2
    """

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

    def prior(self, length):
        return uniform(SYMBOLS)

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


class PriorOfFewerClasses(Echo):
    def prior(self, length):
        return uniform(SYMBOLS - 1)


class PriorOfMoreThanOne(Echo):
    def prior(self, length):
        return 2 * uniform(SYMBOLS)


class Told(Changed):
    """Each query shows its own answer."""

    def change(self, batch):
        return replace(batch, query=batch.target)


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


class OneNeedle(TASKS["needle"]):
    """Its value is the only one in the source."""

    def __init__(self):
        super().__init__(needles=1)


class NeedleAtOnePlace(TASKS["needle"]):
    """Its value is the one at the end."""

    def __init__(self):
        super().__init__(needles=4, depth=1.0)


class OnePairEitherWay(Changed):
    """A key and a value in any order, and fillers; the query is the key, and the value is the only one."""

    points = False

    def __init__(self):
        self.source_space = self.query_space = Tokens(2 * SYMBOLS + 1)
        self.target_space = Classes(SYMBOLS)

    def change(self, batch):
        key, value, order = batch.source[:, :1], batch.source[:, 1:2], batch.source[:, 2:3] % 2
        pair = torch.cat([key, value + SYMBOLS], dim=1)
        pair = torch.where(order == 1, pair.flip(1), pair)
        source = torch.cat([pair, torch.full_like(batch.source[:, 2:], 2 * SYMBOLS)], dim=1)
        links = (source < 2 * SYMBOLS).unsqueeze(1)
        return Batch(source, key, value, torch.ones_like(key, dtype=torch.bool), links)

    def answer(self, batch):
        found = (batch.source == batch.query).any(1, keepdim=True)
        return torch.where(found, batch.source.where(batch.source < 2 * SYMBOLS, 0).amax(1, keepdim=True) - SYMBOLS, -1)


class IgnoredQueries(Changed):
    """Its queries are random and ask nothing."""

    def change(self, batch):
        return replace(batch, query=batch.source.flip(1))


class NotATask:
    pass


class WithoutExample(Echo):
    """Repeat a string."""


class Raising(Echo):
    def sample(self, length, size, generator):
        raise RuntimeError("no")


class Refusing(Echo):
    def check_length(self, length):
        raise ValueError("no")


FAULTS = [
    (NotATask, "constructs", "NotATask is not a Task: write `class NotATask(Task)`"),
    (Raising, "constructs", "it raised RuntimeError: no"),
    (Refusing, "constructs", "check_length raises ValueError for every length from 13 to 4095"),
    (TooFew, "shapes", "512 examples were asked for"),
    (NothingScored, "shapes", "true at one query of every example or more"),
    (BeyondItsSpace, "ranges", "query has numbers from 6 to 6, and its space has only 6, from 0 on"),
    (Wordless, "words", 'words("source") has 0 words'),
    (DrawnElsewhere, "deterministic", "the same generator gave two different batches"),
    (AlwaysTheSame, "deterministic", "two generators gave the same batch"),
    (DrawnElsewhere, "no_global_randomness", "torch's global generator"),
    (Wrong, "oracle", "answer scores 0, and ceiling says 1"),
    (NothingToGain, "bounds", "two different finite numbers"),
    (Lowballing, "chance", "better than chance, 0.1"),
    (Told, "chance", "the best answer to each query token scores 1, better than chance, 0.2"),
    (Told, "prior", "a predictor that has not read the source has the cross-entropy "),
    (PriorOfFewerClasses, "prior", "prior must have a row of 5 probabilities for each scored query"),
    (PriorOfMoreThanOne, "prior", "the probabilities in a row of prior must sum to 1"),
    (Shifted, "leaks", "a query reveals the answer to another query"),
    (PointsElsewhere, "links", "the answer is the token at the linked position, and it is not"),
    (LinkedToTooLittle, "links", "the oracle cannot find the answer at query 0"),
    (LinkedThoughNotScored, "links", "a query that is not scored has links"),
    (LinkedToAll, "necessary", "that to query 1 does not depend on position 0"),
    (OneNeedle, "shortcuts", "reader of the counts of the tokens that misses what is equal to the query"),
    (NeedleAtOnePlace, "shortcuts", "reader of one position that misses what is equal to the query"),
    (OnePairEitherWay, "shortcuts", "that misses what is equal to the query has a normalised score of 1.00"),
    (OneNeedle, "asks", "a reader of the counts of the tokens that has not read the query has a normalised score of 1"),
    (IgnoredQueries, "asks", "the queries differ between examples, and those of another one give the same answers"),
    (WithoutExample, "example", "the docstring of the class has no example: below the question, write a line such as"),
]


def test_a_task_without_a_fault_passes():
    assert failures(TASKS, Echo) == {}


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(TASKS, value, check)


def test_every_check_has_a_fault():
    assert not checks_without_fault(TASKS, (check for _, check, _ in FAULTS))


def test_a_task_that_cannot_be_sampled_is_checked_no_further():
    assert [result.check for result in TASKS.check(Raising)] == ["constructs"]
