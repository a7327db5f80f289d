"""Formal languages and string transductions: links, lengths and refusals."""

import re

import pytest
import torch

from tasks import HIDDEN, TASKS, Batch

LENGTHS = {"modular_arithmetic": 11, "missing_duplicate": 14}
NAMES = [
    "parity",
    "even_pairs",
    "modular_arithmetic",
    "cycle_navigation",
    "stack",
    "missing_duplicate",
    "odds_first",
    "reverse",
    "bucket_sort",
    "duplicate_string",
]


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", NAMES)
def test_links_explain_the_answer(name):
    """The linked symbol is the answer, or the answer is found with all else hidden; where necessary, not without."""
    task = TASKS[name]()
    batch = task.sample(LENGTHS.get(name, 13), 31, stream())
    if task.points:
        assert (batch.links.sum(2) == 1).all()
        assert torch.equal((batch.links * batch.source.unsqueeze(1)).sum(2), batch.target)
        return
    for q in range(batch.query.shape[1]):
        source = batch.source.where(batch.links[:, q], HIDDEN)
        answer = task.answer(Batch(source, batch.query, batch.target, batch.scored))
        assert torch.equal(answer[:, q], batch.target[:, q])


@pytest.mark.parametrize("name", [name for name in NAMES if TASKS[name].necessary])
def test_each_necessary_link_matters(name):
    task = TASKS[name]()
    batch = task.sample(LENGTHS.get(name, 13), 17, stream())
    for s in range(batch.source.shape[1]):
        changed = torch.zeros_like(batch.scored)
        for token in range(task.source_space.size - 1):
            source = batch.source.clone()
            source[:, s] = token
            changed |= task.answer(Batch(source, batch.query, batch.target, batch.scored)) != batch.target
        assert changed[batch.links[:, :, s]].all()


def test_links_of_a_stack_begin_at_the_push():
    """a b b +a ^ ^ +a leaves a b a: the first from position 6, the second from 1, the third from 0; ends from 0."""
    task = TASKS["stack"]()
    batch = task.sample(7, 20_011, stream())
    wanted = torch.tensor([0, 1, 1, 3, 2, 2, 3])
    row = (batch.source == wanted).all(1).nonzero()[0].item()
    assert batch.links[row].sum(1).tolist() == [1, 6, 7, 7, 7, 7, 7, 7]
    assert batch.links[row, :, -1].all()


def test_links_of_equal_symbols_are_in_their_order():
    batch = TASKS["bucket_sort"]().sample(23, 101, stream())
    places = batch.links.long().argmax(2)
    equal = batch.target.diff(dim=1) == 0
    assert (places.diff(dim=1)[equal] > 0).all()
    assert torch.equal(places.sort(1).values, torch.arange(23).expand(101, -1)), "each position is linked once"


@pytest.mark.parametrize("name", NAMES)
def test_lengths_published_are_possible(name):
    preset = dict(TASKS[name].presets["deletang"])
    task = TASKS[name](**{key: value for key, value in preset.items() if key not in ("length", "test_lengths")})
    for length in (*preset["length"], *preset["test_lengths"]):
        task.check_length(length)
        assert 0 < task.chance(length) < task.ceiling(length) == 1
    assert min(preset["test_lengths"]) > 40


@pytest.mark.parametrize(
    ("name", "length", "message"),
    [
        ("parity", 0, "length is 0, but must be at least 1"),
        ("even_pairs", 1, "length is 1, but must be at least 2, for a pair of symbols"),
        ("modular_arithmetic", 4, "length is 4, but must be odd, as there is an operator between any two digits"),
        (
            "missing_duplicate",
            7,
            "length is 7, but must be even and at least 4, for a string and its copy with 2 blanks",
        ),
        ("missing_duplicate", 2, "length is 2, but must be even and at least 4"),
        ("missing_duplicate", 0, "length is 0, but"),
        ("stack", 0, "length is 0, but must be at least 1"),
    ],
)
def test_lengths_without_an_example_are_refused(name, length, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        TASKS[name]().sample(length, 3, stream())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        *(
            (name, {"symbols": 1}, "symbols is 1, but must be at least 2, or the answer is always the same")
            for name in ("reverse", "duplicate_string", "odds_first", "bucket_sort", "missing_duplicate")
        ),
        (
            "modular_arithmetic",
            {"modulus": 1},
            "modulus is 1, but must be at least 2, or the answer is always the same",
        ),
        ("missing_duplicate", {"blanks": 0}, "blanks is 0, but must be at least 1, or nothing is asked"),
        ("cycle_navigation", {"states": 1}, "states is 1, but must be at least 2, or the answer is always the same"),
    ],
)
def test_settings_without_a_question_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        TASKS[name](**settings)
