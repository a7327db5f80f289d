"""The cross-entropy of the best predictor that has not read the source: held to fitted ones and to enumeration."""

import math

import pytest
import torch

from tasks import TASKS, Task, uniform
from tasks.conformance.predictors import most_certain

from .test_tasks import BY_PREFIX, SHORT, TEXT, make, stream
from .test_translation import TINIES, following

MANY = 30_000
DISCRETE = [(name, length) for name, length in SHORT if make(name).target_space.discrete and name not in TEXT]


@pytest.mark.parametrize(("name", "length"), DISCRETE)
def test_the_entropy_at_chance_is_what_a_fitted_predictor_reaches(name, length):
    """The best of the constant, the marginal and the query-only predictor has the entropy that the task states."""
    task = make(name)
    value, error = most_certain(task, task.sample(length, MANY, stream(1)), task.sample(length, MANY, stream(2)))
    gap = task.chance_entropy(length) - value  # how much better than stated
    assert gap < 3 * error + 1e-9
    if name not in BY_PREFIX:
        # A table of frequencies has the error of its fit, too.
        assert gap > -3 * error - 5e-3


@pytest.mark.parametrize("settings", TINIES)
@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_the_entropy_of_a_translation_is_that_of_all_sentences(settings, length):
    task = TASKS["translation"](**settings)
    total = entropy = 0.0
    for words in following(task, length).values():
        reached = sum(words.values())
        total += reached
        entropy -= sum(p * math.log(p / reached) for p in words.values())
    assert task.chance_entropy(length) == pytest.approx(entropy / total, rel=1e-12)
    bounds = task.bounds(length, [task.sample(length, 2000, stream())])
    assert bounds.chance_entropy == pytest.approx(entropy / total, abs=0.05)
    assert bounds.ceiling_entropy == 0


def test_the_entropy_of_a_bayes_classifier_is_its_expected_loss():
    """Next sentence: the mean of -log of the posterior of what was drawn, within four standard errors."""
    task, length = TASKS["next_sentence"](symbols=8), 8
    batch = task.sample(length, 20_000, stream())
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        task.log_odds(batch), batch.target.double(), reduction="none"
    )
    bounds = task.bounds(length, [batch])
    assert abs(loss.mean() - bounds.ceiling_entropy) < 4 * loss.std() / math.sqrt(len(batch))
    assert 0.3 < bounds.ceiling_entropy < bounds.chance_entropy == pytest.approx(math.log(2))


def test_of_language_models_the_entropies_are_chance_and_ceiling():
    task = TASKS["language"](symbols=8)
    bounds = task.bounds(12, [task.sample(12, 50, stream())])
    assert (bounds.chance_entropy, bounds.ceiling_entropy) == (bounds.chance, bounds.ceiling)


def test_real_numbers_have_none():
    task = TASKS["adding"]()
    assert math.isnan(task.chance_entropy(20))
    assert math.isnan(task.ceiling_entropy(20))


def test_a_task_that_states_chance_alone_has_none():
    class Older(TASKS["copy"]):
        prior = Task.prior

        def chance(self, length):
            return 1 / self.symbols

    assert math.isnan(Older().chance_entropy(5))
    assert Older().bounds(5, [Older().sample(5, 4, stream())]).chance == 1 / 8


def test_uniform():
    assert uniform(2, 3).tolist() == [[0.5, 0.5, 0.0]]
