"""How long a run takes and how much disk it needs, said before it begins."""

import time

import pytest

from runner.cli.tables import estimate_lines
from runner.suite.estimate import BUDGET, Estimate, estimate, time_steps
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.suite.steps import Step, steps_of

pytestmark = pytest.mark.usefixtures("forget_plugins")


@pytest.fixture
def planned(tiny):
    def _planned(*plugins, **changes):
        path = tiny(**changes)
        return make_plan(SuiteFile(path), [str(each) for each in plugins], folder=path.parent / "no-plugins")

    return _planned


def a_second(steps, plan):
    return dict.fromkeys(steps, 1.0)


def steps_in(plan):
    return list(dict.fromkeys(step for trial in plan.trials for step, _ in steps_of(trial)))


def test_the_time_is_that_of_all_steps_and_evaluations(planned):
    """6 steps; 3 evaluations of 16 examples and a test of 16, in batches of 8, each a third of a step."""
    trial = 6 + (3 * 16 + 16) / 8 / 3 + 0.2
    assert estimate(planned(), 1, 60.0, a_second).seconds == pytest.approx(5 + trial)
    two = planned(seeds="4")
    assert estimate(two, 1, 60.0, a_second).seconds == pytest.approx(5 + 4 * trial)
    assert estimate(two, 2, 60.0, a_second).seconds == pytest.approx(5 + 2 * trial)
    assert estimate(two, 9, 60.0, a_second).seconds == pytest.approx(5 + trial), "no less than the longest trial"
    assert estimate(two, 1, 2.0, a_second).seconds == pytest.approx(5 + 4 * 2.0), "a trial ends at its limit"


def test_pretraining_counts_with_its_own_steps(planned):
    """30 steps of pre-training and 11 evaluations of it more; the first task is not tested."""
    both = planned(tasks="[copy: {length: 3, items: 2, pretrain: {copy: {length: 4, items: 2, steps: 30}}}]")
    more = estimate(both, 1, 1e9, a_second).seconds - estimate(planned(), 1, 1e9, a_second).seconds
    assert more == pytest.approx(30 + 11 * 16 / 8 / 3)


def test_timed_trials_run_alone(planned):
    """Two lengths: (1 + 3 * 2) * 0.1 s and half a second in each of the 3 rounds, whatever the number of workers."""
    probes = "[throughput: {lengths: [8, 16], seconds: 0.1, rounds: 3}]"
    plan = planned(tasks=None, probes=probes)
    assert estimate(plan, 8, 60.0, a_second).seconds == pytest.approx(5 + 3 * (0.2 + 0.5 + 0.7))


def test_what_is_not_timed_counts_as_the_mean(planned):
    plan = planned(mechanisms="[gru, lstm, rnn]")
    first, second, _ = steps_in(plan)
    found = estimate(plan, 1, 1e9, lambda steps, plan: {first: 1.0, second: 3.0})
    assert (found.timed, found.steps) == (2, 3)
    assert found.seconds == pytest.approx(5 + 3 * (6 + 64 / 24) * 2.0 + 3 * 0.2)


def test_timing_ends_with_its_budget(planned):
    """A step takes 6 s by this clock: the first three begin within 15 s."""
    plan = planned(mechanisms="[gru, lstm, rnn, transformer, min_gru]")
    now = [0.0]

    def seconds(step, device):
        now[0] += 6.0
        return 6.0

    assert list(time_steps(steps_in(plan), plan, seconds, lambda: now[0])) == steps_in(plan)[:3]
    assert now[0] <= BUDGET + 6.0


PLUGIN = """
from pathlib import Path
from mechanisms import MODELS
from mechanisms.models.gru import GRU

@MODELS.register("writes")
class Writes(GRU):
    \"\"\"A GRU that leaves a file where it is built.\"\"\"

    def __init__(self, width: int, *, causal: bool = True) -> None:
        super().__init__(width, causal=causal)
        Path(PLACE).write_text("built")
"""


def test_a_plugin_is_not_built_in_this_process(planned, write, tmp_path):
    path = write("writes.py", PLUGIN.replace("PLACE", repr(str(tmp_path / "built"))))
    plan = planned(path, mechanisms="[gru, writes]")
    assert [step.mechanism.name for step in time_steps(steps_in(plan), plan)] == ["gru"]
    assert not (tmp_path / "built").exists()


def test_what_could_fill_the_memory_is_not_timed(planned):
    step = steps_in(planned())[0]
    large = Step(step.mechanism, step.task, 10**6, 64, 64)
    asked = []
    assert time_steps([large], planned(), lambda step, device: asked.append(step) or 1.0) == {}
    assert asked == []


def test_a_step_that_fails_is_left_out(planned):
    def fails(step, device):
        raise RuntimeError("no such kernel")

    found = estimate(planned(), 1, 60.0, lambda steps, plan: time_steps(steps, plan, fails))
    assert found.seconds is None
    assert next(estimate_lines(found)) == "time: not known, because no training step could be timed here"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.4 seconds"), (1.0, "1 second"), (119, "120 seconds"), (125, "2.1 minutes"), (9000, "2.5 hours")],
)
def test_sentences(seconds, text):
    lines = list(estimate_lines(Estimate(seconds, 2, 4, 6, 1_400_000, 0)))
    assert lines == [
        f"time: at most about {text} with 2 workers on an idle machine; every trial is counted with all its steps, and "
        "one that solves its task ends earlier",
        "time: a training step of 4 of 6 pairs of a mechanism and a task was timed, and the others count as the mean",
        "disk: about 2 MB of results, up to 1 MB of checkpoints during the run, and 1 to 10 MB of report",
    ]


def test_the_plan_says_so(shell, tiny):
    output = shell("plan", tiny(), "--workers", "3").stdout.splitlines()
    assert output[-2].startswith("time: at most about ")
    assert " with 3 workers on an idle machine; " in output[-2]
    assert output[-1].startswith("disk: about 1 MB of results, ")


@pytest.mark.slow
def test_a_run_takes_about_as_long(shell, tiny, planned):
    """Within a factor of 3, on tasks that are not solved; the disk likewise, where 1 MB is the least that is said."""
    train = "{width: 32, batch: 32, steps: 300, evaluate_every: 25, validation_examples: 128, test_examples: 256}"
    changes = {
        "mechanisms": "[gru, transformer, rnn_attention]",
        "tasks": "[copy: {length: 40, test_lengths: [40, 80]}, recall: {length: 40, pairs: 10, vocabulary: 64}]",
        "train": train,
        "seeds": "2",
    }
    plan = planned(**changes)
    found = estimate(plan, 2, 600.0)
    assert found.timed == found.steps == 6
    begin = time.monotonic()
    assert shell.run(tiny(**changes), "--workers", 2).returncode == 0
    taken = time.monotonic() - begin
    assert taken / 3 < found.seconds < taken * 3
    size = (shell.runs / "tiny" / "results.sqlite").stat().st_size
    assert size / 3 < found.results < size * 3
