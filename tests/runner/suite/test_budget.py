"""`budget` gives every mechanism the steps that cost what those of the first mechanism cost."""

import json

import pytest
import torch

from registry import UserError
from runner.execution.manifest import timings_of, write_manifest
from runner.suite import budget as budgets
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

pytestmark = pytest.mark.usefixtures("forget_plugins")

TRAIN = "{width: 32, batch: 8, steps: 600}"


@pytest.fixture
def planned(tiny):
    def _planned(*plugins, timings=None, **changes):
        path = tiny(**{"train": TRAIN, **changes})
        specs = [str(each) for each in plugins]
        return make_plan(SuiteFile(path), specs, folder=path.parent / "no-plugins", timings=timings)

    return _planned


def steps(plan):
    return {trial.mechanism.name: trial.recipe.steps for trial in plan.trials}


def recurrent_steps(gates, of_the_first, source, queries, width, classes):
    """By hand, in products of a forward: two matrices per gate at each position, and the readout of the answers."""

    def cost(gates):
        return (source + queries) * gates * 2 * width * width + queries * width * classes

    return round(600 * cost(of_the_first) / cost(gates))


def test_equal_operations_by_hand(planned):
    """Copy of 3 items over an alphabet: source and queries, and a readout of the scored positions."""
    plan = planned(mechanisms="[lstm, gru, rnn]", budget="flops")
    task = plan.trials[0].task.build()
    batch = task.sample(3, 1, torch.Generator().manual_seed(0))
    shape = (batch.source.shape[1], batch.query.shape[1], 32, task.target_space.size)
    assert bool(batch.scored.all())
    assert steps(plan) == {
        "lstm": 600,
        "gru": recurrent_steps(3, 4, *shape),
        "rnn": recurrent_steps(1, 4, *shape),
    }


def test_the_first_mechanism_has_the_steps_of_the_suite(planned):
    """And of the task, where that has its own. Each task has a first mechanism of its own."""
    tasks = "[copy: {length: 3, items: 2}, adding: {length: 5, steps: 90, mechanisms: [rnn, lstm]}]"
    plan = planned(mechanisms="[gru, lstm]", tasks=tasks, budget="flops")
    found = {(trial.task.name, trial.mechanism.name): trial.recipe.steps for trial in plan.trials}
    assert found["copy", "gru"] == 600
    assert found["copy", "lstm"] < 600
    assert found["adding", "rnn"] == 90
    assert found["adding", "lstm"] < 90


def test_equal_examples_is_the_default(planned):
    """The keys are those without the word."""
    plain, named = planned(mechanisms="[gru, lstm]"), planned(mechanisms="[gru, lstm]", budget="examples")
    assert set(steps(plain).values()) == {600}
    assert [trial.key for trial in plain.trials] == [trial.key for trial in named.trials]


def test_pretraining_keeps_its_steps(planned):
    """They are a part of what the task is: all mechanisms must be compared on one task."""
    task = "[copy: {length: 3, items: 2, pretrain: {copy: {length: 4, items: 2, steps: 30}}}]"
    plan = planned(mechanisms="[lstm, gru]", tasks=task, budget="flops")
    assert {trial.earlier_steps for trial in plan.trials} == {30}
    assert len({label.text for _, label in plan.labels.values()}) == 1


class Clock:
    """A timer of steps by a table; the machine becomes slower at every call."""

    def __init__(self, seconds):
        self.table, self.asked, self.slower = seconds, [], 1.0

    def __call__(self, step, device):
        name = step.mechanism.name
        outer = self

        class Timer:
            def seconds(self):
                outer.asked.append(name)
                outer.slower *= 1.01
                return outer.table[name] * outer.slower

        return Timer()


@pytest.fixture
def clock(monkeypatch):
    def _clock(**seconds):
        made = Clock(seconds)
        monkeypatch.setattr(budgets, "StepTimer", made)
        return made

    return _clock


def test_equal_time_is_measured_in_alternating_rounds(planned, clock):
    """A machine that becomes 1 % slower at every step favours nobody: the medians are of one round in the middle."""
    asked = clock(lstm=0.001, gru=0.002).asked
    plan = planned(mechanisms="[lstm, gru]", budget="seconds")
    assert asked == ["lstm", "gru", "gru", "lstm", "lstm", "gru", "gru", "lstm", "lstm", "gru"]
    assert steps(plan)["lstm"] == 600
    assert steps(plan)["gru"] == pytest.approx(300, rel=0.011)


def test_a_second_plan_measures_nothing_again(planned, clock):
    clock(lstm=0.001, gru=0.002)
    first = planned(mechanisms="[lstm, gru]", budget="seconds")
    again = clock(lstm=0.001, gru=0.009)
    kept = json.loads(json.dumps(first.timings))
    second = planned(mechanisms="[lstm, gru]", budget="seconds", timings=kept)
    assert again.asked == []
    assert [trial.key for trial in second.trials] == [trial.key for trial in first.trials]
    # A mechanism that is added is timed beside the first one, and the others keep their steps.
    more = clock(lstm=0.005, gru=0.9, rnn=0.001)
    third = steps(planned(mechanisms="[lstm, gru, rnn]", budget="seconds", timings=kept))
    assert set(more.asked) == {"lstm", "rnn"}
    assert third["gru"] == steps(first)["gru"]
    assert third["rnn"] == pytest.approx(3000, rel=0.011)


def test_the_steps_have_limits(planned, clock):
    """At least one, at most 20 times those of the first mechanism."""
    clock(lstm=1.0, gru=1e-6, rnn=1e6)
    assert steps(planned(mechanisms="[lstm, gru, rnn]", budget="seconds")) == {"lstm": 600, "gru": 12_000, "rnn": 1}


PLUGIN = """
from mechanisms import MODELS
from mechanisms.models.gru import GRU

@MODELS.register("breaks")
class Breaks(GRU):
    \"\"\"A GRU that breaks in its forward.\"\"\"

    def forward(self, source, query):
        raise RuntimeError("no kernel for this")
"""


@pytest.mark.parametrize("kind", ["flops", "seconds"])
def test_what_cannot_be_measured_is_skipped_with_its_reason(planned, write, kind):
    path = write("breaks.py", PLUGIN)
    plan = planned(path, mechanisms="[lstm, breaks, gru]", budget=kind)
    assert set(steps(plan)) == {"lstm", "gru"}
    (skipped,) = plan.skipped
    assert skipped.reason == (
        f"the budget is {kind}, and a step of breaks cannot be measured: RuntimeError: no kernel for this"
    )
    alone = planned(path, mechanisms="[breaks, gru]", budget=kind)
    assert [each.reason for each in alone.skipped] == [skipped.reason] * 2


def test_another_word_is_refused(planned):
    with pytest.raises(UserError) as caught:
        planned(budget="steps")
    assert "budget is 'steps'; one of examples, flops and seconds, was expected" in str(caught.value)


def test_the_manifest_keeps_the_timings(planned, clock, tmp_path):
    clock(lstm=0.001, gru=0.002)
    plan = planned(mechanisms="[lstm, gru]", budget="seconds")
    write_manifest(SuiteFile(tmp_path / "tiny.yaml"), plan, tmp_path)
    assert timings_of(tmp_path) == plan.timings
    assert [each["mechanism"] for each in plan.timings.values()] == ["gru"]


@pytest.mark.slow
def test_a_run_keeps_its_timings_and_runs_nothing_twice(shell, tiny):
    path = tiny(mechanisms="[gru, lstm]", budget="seconds")
    assert shell.run(path).returncode == 0
    kept = timings_of(shell.runs / "tiny")
    assert [each["mechanism"] for each in kept.values()] == ["lstm"]
    assert "2 trials, 2 already finished, 0 to run" in shell.run(path).stdout
    assert timings_of(shell.runs / "tiny") == kept


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"timings": 3}'])
def test_a_manifest_without_timings_has_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    assert timings_of(tmp_path) == {}
    assert timings_of(tmp_path / "none") == {}
