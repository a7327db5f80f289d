"""The check of a docstring's example: what it reads, and each mistake that an example can have."""

import pytest
import torch

from tasks import TASKS, Batch, Classes, Distribution, Features, Scalar, Task, Tokens
from tasks.conformance.example import example, read_example
from tests.conformance import message

LAST = """The last of `length` tokens.

With symbols=5 and length={length} ("?" a mark):

    source  {source}
    query   {query}
    answer  {answer}

Source: this project.
"""
RIGHT = {"length": 4, "source": "3 1 0 2", "query": "?", "answer": "2"}


class Last(Task):
    """A task without an example, as a subclass gets one."""

    def __init__(self, *, symbols=7):
        self.source_space, self.query_space, self.target_space = Tokens(symbols), Tokens(1, "mark"), Classes(symbols)

    def sample(self, length, size, generator):
        source = torch.randint(self.source_space.size, (size, length), generator=generator)
        return self.asked(source)

    def asked(self, source):
        query = torch.zeros_like(source[:, :1])
        return Batch(source, query, source[:, -1:], query == 0)

    def chance(self, length):
        return 1 / self.source_space.size

    def ceiling(self, length):
        return 1.0

    def answer(self, batch):
        return batch.source[:, -1:]

    def words(self, part):
        return ["?"] if part == "query" else super().words(part)


def task_with(docstring, base=Last):
    return type("Shown", (base,), {"__doc__": docstring})


def test_the_example_is_read_with_its_settings():
    found = read_example(LAST.format(**RIGHT))
    assert (found.settings, found.length, found.picture) == ({"symbols": 5}, 4, [])
    assert found.rows == {"source": "3 1 0 2", "query": "?", "answer": "2"}


def test_rows_may_go_on_and_settings_in_brackets_are_none():
    found = read_example(
        """A question.

        With order=told, length=6 (and depth=3),
        in two lines:

            source  a b
                    c d
            query   e
            answer  f

            This belongs to no row.

        With length=9: this is no example.
        """
    )
    assert (found.settings, found.length) == ({"order": "told"}, 6)
    assert found.rows["source"].split() == ["a", "b", "c", "d"]


def test_a_right_example_passes():
    assert example(task_with(LAST.format(**RIGHT))) is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"answer": "0"}, "the oracle's answer to query 0 of the example is 2, and the docstring says 0"),
        ({"length": 5}, "the source of the example has 4 positions, and with these settings it has 5"),
        ({"query": "? ?"}, "the example has 2 queries and 1 answers"),
        (
            {"query": "? ?", "answer": "2 ."},
            "the query of the example has 2 positions, and with these settings it has 1",
        ),
        ({"source": "3 1 0 6"}, '"6" in the source of the example is not one of words("source")'),
        ({"answer": "z"}, '"z" in the target of the example is not one of words("target")'),
    ],
)
def test_a_wrong_example_is_found(change, sentence):
    assert sentence in message(TASKS, task_with(LAST.format(**RIGHT | change)), "example")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "With symbols=5 and length=4",
            "So",
            "has no example: below the question, write a line such as `With length=4:`",
        ),
        (" and length=4", "", "does not say its length"),
        ("    answer  2\n", "", "has no row answer: below the question"),
        ("    source  3 1 0 2\n    query   ?\n", "", "has no row source and no row query"),
    ],
)
def test_the_message_says_what_an_incomplete_example_lacks(old, new, sentence):
    text = LAST.format(**RIGHT)
    assert old in text
    assert sentence in message(TASKS, task_with(text.replace(old, new)), "example")


def test_what_is_not_scored_is_not_compared():
    class First(Last):
        def asked(self, source):
            query = torch.zeros_like(source)
            return Batch(source, query, source, torch.arange(source.shape[1]).expand_as(source) == 0)

        def answer(self, batch):
            return batch.source

    change = {"query": "? ? ? ?", "answer": "3 . . ."}
    assert example(task_with(LAST.format(**RIGHT | change), First)) is None
    assert "query 0" in message(
        TASKS, task_with(LAST.format(**RIGHT | change | {"answer": "1 . . ."}), First), "example"
    )


class Sum(Last):
    """A task of numbers: the sum of the first numbers of pairs."""

    def __init__(self, *, symbols=7):
        super().__init__(symbols=symbols)
        self.source_space, self.target_space = Features(2), Scalar()

    def sample(self, length, size, generator):
        return self.asked(torch.rand(size, length, 2, generator=generator))

    def asked(self, source):
        query = torch.zeros(len(source), 1, dtype=torch.long)
        return Batch(source, query, source[:, :, 0].sum(1, keepdim=True), query == 0)

    def answer(self, batch):
        return batch.source[:, :, 0].sum(1, keepdim=True)


NUMBERS = RIGHT | {"source": "(.31 0) (1 1) (.5 0) (.25 1)", "answer": "2.06"}


@pytest.mark.parametrize(("answer", "right"), [("2.06", True), ("2.064", False), ("2.1", True), ("2.0", False)])
def test_numbers_are_compared_to_the_places_that_are_shown(answer, right):
    shown = task_with(LAST.format(**NUMBERS | {"answer": answer}), Sum)
    assert (message(TASKS, shown, "example") == "it passed") == right


def test_vectors_have_the_size_of_the_space():
    shown = task_with(LAST.format(**NUMBERS | {"source": "(.31 0) (1 1 1) (.5 0) (.25 1)"}), Sum)
    assert "the source of the example must be vectors of 2 numbers in brackets" in message(TASKS, shown, "example")


def test_answers_of_a_distribution_must_be_possible():
    class Possible(Last):
        def __init__(self, *, symbols=7):
            super().__init__(symbols=symbols)
            self.target_space = Distribution(symbols)

        def bounds(self, length, batches):
            return 1.0, -float(torch.log((batches[0].target <= 2).double()).mean())

    for answer, sentence in (("0", "it passed"), ("4", "the answers of the example have probability 0")):
        assert sentence in message(TASKS, task_with(LAST.format(**RIGHT | {"answer": answer}), Possible), "example")


def test_a_picture_needs_a_method_that_reads_it():
    text = LAST.format(**NUMBERS).replace("    source  (.31 0) (1 1) (.5 0) (.25 1)\n", "    +--+\n    |##|\n\n")
    assert "no method read_picture" in message(TASKS, task_with(text, Sum), "example")

    class Read(Sum):
        def read_picture(self, lines):
            assert lines == ["+--+", "|##|"]
            return torch.tensor([[2.0, 0], [0, 0], [0.06, 0], [0, 0]])

    assert example(task_with(text, Read)) is None
