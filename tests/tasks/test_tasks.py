"""What every task must satisfy, run over the registry."""

import inspect
import math
import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch
import yaml

from tasks import TASKS
from tasks.conformance.predictors import best_constant, best_marginal, best_query_reader
from tasks.floors import batch_digest

DIGESTS = Path(__file__).parent / "digests.yaml"
MANY = 50_000

# Small enough that a sample fills the tables of the predictors; the rest are the defaults.
SETTINGS = {"recall": {"pairs": 3, "vocabulary": 22}}

# What these predict from the queries needs a model of the text, or of the sentence so far: their own tests hold it
# against an exhaustive one.
TEXT = ("language", "masked_language")
BY_PREFIX = ("translation",)


def make(name):
    return TASKS[name](**SETTINGS.get(name, {}))


def lengths(name, wanted=(13, 31)):
    """Return a short and a longer length, the first possible ones from those wanted on."""
    task = make(name)
    return [next(n for n in range(least, 4096) if task.accepts(n)) for least in wanted]


CASES = [(name, length) for name in TASKS for length in lengths(name)]
SHORT = [(name, lengths(name)[0]) for name in TASKS]


def stream(seed=5):
    return torch.Generator().manual_seed(seed)


def test_nothing_is_unavailable():
    assert not TASKS.unavailable


@pytest.mark.parametrize(("name", "length"), SHORT)
def test_what_has_not_read_the_source_scores_chance(name, length):
    """The best of the constant, the marginal and the query-only predictor scores `chance`, to 3 standard errors."""
    task = make(name)
    fit, test = task.sample(length, MANY, stream(1)), task.sample(length, MANY, stream(2))
    scores = [best_constant(task, fit, test), best_marginal(task, fit, test)]
    if name not in TEXT:
        scores.append(best_query_reader(task, fit, test))
    low_is_good = task.target_space.metric.better == "lower"
    value, error = (min if low_is_good else max)(scores)
    gap = (task.chance(length) - value) * (1 if low_is_good else -1)  # how much better than chance
    # Beside the noise of the test sample, the best of several tables is fitted to the noise of another.
    assert gap < 3 * error + 1e-9
    if name not in BY_PREFIX:
        assert gap > -3 * error - 2e-3


@pytest.mark.parametrize("name", list(TASKS))
def test_too_short_is_refused(name):
    with pytest.raises(ValueError, match="length is 0"):
        make(name).sample(0, 3, stream())


@pytest.mark.parametrize("name", list(TASKS))
def test_two_draws_from_one_generator_differ(name):
    """A stream of batches is no repetition of the first."""
    generator = stream()
    task, length = make(name), lengths(name)[1]
    one, other = (task.sample(length, 61, generator) for _ in range(2))
    assert not torch.equal(one.source, other.source) or not torch.equal(one.query, other.query)


# Here what a query is not linked to was drawn apart from its answer. Elsewhere it tells something by right: what is
# smaller when sorting, which values are taken in recall, how the sentence goes on.
APART = (
    "copy",
    "dyck",
    "even_pairs",
    "duplicate_string",
    "induction",
    "memorization",
    "needle",
    "odds_first",
    "reverse",
    "selective_copy",
)


@pytest.mark.parametrize("name", APART)
def test_the_source_tells_nothing_where_it_is_not_linked(name):
    """No token at any unlinked position, fitted on one half of a sample, foretells the answer in the other."""
    task, length = make(name), lengths(name)[0]
    batch = task.sample(length, MANY, stream(4))
    half = torch.arange(MANY) < MANY // 2
    gains = []
    for q in range(min(4, batch.query.shape[1])):
        for s in range(batch.source.shape[1]):
            rows = batch.scored[:, q] & ~batch.links[:, q, s]
            token, answer = batch.source[:, s], batch.target[:, q]
            fit, test = rows & half, rows & ~half
            if fit.sum() < 1000:
                continue
            table = torch.zeros(task.source_space.size, task.target_space.size)
            table.index_put_((token[fit], answer[fit]), torch.ones(int(fit.sum())), accumulate=True)
            # Of tokens that stand in for nothing else, such as blanks, the best guess is the commonest answer.
            right = (table.argmax(1)[token[test]] == answer[test]).double()
            blind = (table.sum(0).argmax() == answer[test]).double()
            gain = right - blind
            gains.append(float(gain.mean() / (gain.std() / len(gain) ** 0.5 + 1e-12)))
    assert len(gains) >= 10, "positions that are at times not linked"
    assert max(gains) < 5


def digest(name, length):
    return batch_digest(make(name).sample(length, 29, stream(3)))


@pytest.mark.parametrize(("name", "length"), CASES)
def test_the_same_batch_as_on_other_machines(name, length):
    """What a batch was where digests.yaml was written: `python -m tests.tasks.test_tasks` writes it again.

    Torch draws the same numbers from the same seed on every processor. Where this fails, results are not those of
    before: a changed generator, or a torch that draws differently.
    """
    assert digest(name, length) == yaml.safe_load(DIGESTS.read_text())[f"{name} {length}"]


@pytest.mark.parametrize("name", list(TASKS))
def test_every_docstring_ends_with_a_source(name):
    *_, before, last = inspect.cleandoc(TASKS[name].__doc__).splitlines()
    assert not before
    assert re.fullmatch(r"Source: (this project|.*\b(19|20)\d\d\b.*)\.", last)


@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_is_in_the_module_of_its_name_and_in_a_family(name):
    assert TASKS[name].__module__ == f"tasks.{name}"
    assert TASKS.properties(TASKS[name])["family"]


def test_properties_are_what_the_class_declares():
    found = {"family": "text", "causal": False, "leaks": False, "feeds_back": False}
    assert found.items() <= TASKS.properties(TASKS["masked_language"]).items()
    found = {"family": "translation", "causal": True, "leaks": True, "feeds_back": True, "source": "this project."}
    assert TASKS.properties(TASKS["translation"]) == found


@pytest.mark.parametrize(("name", "preset"), [(name, preset) for name in TASKS for preset in TASKS[name].presets])
def test_presets_are_possible(name, preset):
    settings = dict(TASKS[name].presets[preset])
    length, tested = settings.pop("length"), settings.pop("test_lengths", [])
    task = TASKS[name](**settings)
    for n in [*(length[1:] if isinstance(length, list) else [length]), *tested]:
        assert task.accepts(n)
        assert n > 200 or math.isfinite(task.chance(n))


def test_split_cuts_all_fields():
    batch = TASKS["recall"]().sample(20, 7, stream())
    parts = list(batch.split(3))
    assert [len(part) for part in parts] == [3, 3, 1]
    for field in fields(batch):
        assert torch.equal(torch.cat([getattr(p, field.name) for p in parts]), getattr(batch, field.name))


if __name__ == "__main__":
    DIGESTS.write_text("".join(f"{name} {length}: {digest(name, length)}\n" for name, length in CASES))
