"""A trial is one record: it goes to JSON and back, and what is added to it appears in results."""

import dataclasses
import itertools
import json
import math

import pytest
import torch

from results import Outcome, Planned, Store, load, load_trials
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training.checkpoint import Checkpoint
from runner.training.trainer import Interrupted
from runner.trial.measure import measure
from runner.trial.trial import Trial

pytestmark = pytest.mark.usefixtures("forget_plugins")


@pytest.fixture
def plan(tiny):
    def _plan(**changes):
        path = tiny(**changes)
        return make_plan(SuiteFile(path), folder=path.parent / "no-plugins")

    return _plan


def test_a_trial_goes_to_json_and_back(plan):
    trials = plan(
        mechanisms="[transformer: {alignment: {local_m: {alignment: dot, window: 2}}}]",
        tasks="[next_sentence: {length: 4, test_lengths: [6], pretrain: {language: {length: [3, 4], steps: 2}}}]",
        probes="[accuracy, throughput: {lengths: [4, 8]}]",
    ).trials
    assert {trial.alone for trial in trials} == {True, False}
    for trial in trials:
        back = Trial.from_json(json.loads(json.dumps(trial.to_json())), trial.key)
        assert back == trial
        assert back.key == trial.key
    trained = next(trial for trial in trials if trial.task is not None)
    assert (trained.trained_length, trained.test_lengths) == (4, (4, 6))
    assert (trained.earlier.name, trained.earlier_shortest_length, trained.earlier_length) == ("language", 3, 4)
    assert trained.earlier_steps == 2


def test_a_fact_that_is_added_to_trials_is_a_column_of_the_results(plan, tmp_path):
    """One line in the class: nothing else knows the fields of a trial."""

    @dataclasses.dataclass(frozen=True)
    class Larger(Trial):
        luck: int = 7

    (trial,) = plan().trials
    larger = Larger(**{field.name: getattr(trial, field.name) for field in dataclasses.fields(trial)}, luck=3)
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([Planned(trial.key, larger.to_json())])
        from results import Measurement

        store.finish(
            trial.key, Outcome("ok", measurements=(Measurement("accuracy", "loss", 0.5, at={"stage": "test"}),))
        )
    assert load_trials(tmp_path)["luck"].tolist() == [3]
    frame = load(tmp_path)
    assert frame["luck"].tolist() == [3]
    assert frame["task.items"].tolist() == [2]
    assert frame["recipe.width"].tolist() == [8]
    assert frame["stage"].tolist() == ["test"]


def test_equal_trials_are_one_and_different_ones_have_labels_of_their_own(plan):
    """What once pooled three seeds as six, and 4.0 with 4."""
    made = plan(
        seeds="3",
        mechanisms="[transformer: {expansion: [4, 4.0, 2.6666667, 2.6666666]}, "
        "rnn_attention: {alignment: [{local_m: {}}, {local_m: null}, local_m]}]",
        tasks="[copy: {length: 5, items: 3, test_lengths: [5]}, copy: {length: 5, items: 3, test_lengths: [10]}]",
    )
    assert len(made.trials) == 3 * 4 * 2
    labels = [made.labels[trial.key] for trial in made.trials]
    assert {mechanism.text for mechanism, _ in labels} == {
        "transformer(expansion=4)",
        "transformer(expansion=2.6666667)",
        "transformer(expansion=2.6666666)",
        "rnn_attention",
    }
    assert {task.text for _, task in labels} == {"copy(test_lengths=5)", "copy(test_lengths=10)"}


def test_a_trial_that_is_stopped_after_its_last_step_keeps_the_path_of_attention(plan, tmp_path):
    (trial,) = plan(mechanisms="[transformer: {heads: 2, alignment: additive}]").trials
    device, checkpoint = torch.device("cpu"), Checkpoint(tmp_path, trial.key)
    whole = measure(trial, device)
    calls = itertools.count(1)
    with pytest.raises(Interrupted, match="at step 6 of 6"):
        measure(trial, device, interrupted=lambda: next(calls) == 6, checkpoint=checkpoint)
    assert whole.path == "plain"
    assert measure(trial, device, checkpoint=checkpoint) == whole


@pytest.mark.parametrize("normalizer", ["sparsemax", "entmax15"])
def test_a_trial_whose_scores_become_nan_has_diverged_and_keeps_its_curve(plan, normalizer):
    (trial,) = plan(
        mechanisms=f"[transformer: {{normalizer: {normalizer}}}]",
        train="{width: 8, batch: 8, steps: 6, warmup: 0, learning_rate: 9.0e+14, evaluate_every: 3}",
    ).trials
    outcome = measure(trial, torch.device("cpu"))
    assert outcome.outcome == "diverged"
    assert "the training loss was nan by step 3" in outcome.reason
    curve = [each for each in outcome.measurements if each.at.get("stage") == "validation"]
    assert {(each.quantity, each.at["step"]) for each in curve} == {("loss", 0), ("normalised", 0)}


@pytest.mark.parametrize("symbols", [2, 3])
def test_a_task_of_which_nothing_can_be_learned_is_not_solved_and_says_why(plan, symbols):
    """It was solved at step 0 with a score of 600, since the ideal reader was worse than chance by luck."""
    trials = plan(
        mechanisms="[transformer: {heads: 2}]",
        tasks=f"[language: {{length: 2, symbols: {symbols}}}]",
        train="{width: 8, batch: 8, steps: 6, evaluate_every: 3, validation_examples: 32, test_examples: 32}",
        seeds="8",
    ).trials
    for trial in trials:
        outcome = measure(trial, torch.device("cpu"))
        found = {each.quantity: each.value for each in outcome.measurements if each.at.get("stage") == "test"}
        assert outcome.outcome == "ok"
        assert math.isnan(found["normalised"])
        assert math.isfinite(found["loss"])
        assert outcome.reason == (
            "no score on validation data and test data of length 2: a perfect reader is not better than chance by more "
            "than 2 standard errors on these examples"
        )
        whole = {each.quantity: each.value for each in outcome.measurements if not each.at}
        assert math.isnan(whole["steps_to_solve"])
        assert whole["steps"] == 6


OWN_SPACE = """
from dataclasses import dataclass
from registry import Quantity
from tasks import TASKS, Classes
from tasks.copy import Copy

@dataclass(frozen=True)
class Letters(Classes):
    quantities = (Quantity("letter_error_rate", "letter error rate", better="lower", over=("length",)),)

    def measured(self, metric, accuracy, ceiling):
        return {"letter_error_rate": 1 - accuracy}

@TASKS.register("letters")
class LetterCopy(Copy):
    def __init__(self):
        super().__init__(items=2, symbols=3)
        self.target_space = Letters(3)
"""


def test_a_plugins_target_space_says_what_is_measured(write, plan):
    """Its quantities are in the plan and in the measurements, and nothing else names them."""
    write("letters.py", OWN_SPACE)
    planned = plan(mechanisms="[rnn]", tasks="[letters: {length: 3}]", plugins="[letters.py]")
    assert planned.quantities["letter_error_rate"].better == "lower"
    assert "accuracy" not in planned.quantities
    outcome = measure(planned.trials[0], torch.device("cpu"))
    named = {each.quantity: each.value for each in outcome.measurements if each.at.get("stage") == "test"}
    assert named["letter_error_rate"] == pytest.approx(1 - (named["normalised"] * (1 - 1 / 3) + 1 / 3))
    assert "accuracy" not in named
