"""Presets, mixed lengths and pre-training, as a suite writes them."""

import pytest

from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.suite.tasks import TaskExpansion
from tasks import TASKS


@pytest.fixture
def expand(tiny):
    return lambda tasks: TaskExpansion(SuiteFile(tiny(tasks=tasks))).tasks()


@pytest.fixture
def labels(tiny):
    """Return what the tasks of a suite are called in its run, in its order."""

    def _labels(tasks):
        plan = make_plan(SuiteFile(tiny(tasks=tasks)))
        return [plan.labels[trial.key][1].text for trial in plan.trials]

    return _labels


def test_a_preset_is_what_was_published(expand):
    (task,) = expand("[recall: {preset: zoology-128}]")
    assert (task["trained_length"], task["task"]) == (
        128,
        TASKS.spec({"recall": {"pairs": 8, "vocabulary": 8192, "blank": True}}),
    )
    assert task["task"].given == {"preset": "zoology-128"}


def test_what_is_given_beside_a_preset_wins(expand):
    (task,) = expand("[recall: {preset: zoology-128, vocabulary: 256, test_lengths: [512]}]")
    assert task["task"] == TASKS.spec({"recall": {"pairs": 8, "vocabulary": 256, "blank": True}})
    assert task["test_lengths"] == (128, 512)


def test_presets_are_swept(expand, labels):
    tasks = "[recall: {preset: [zoology-64, zoology-128]}]"
    assert [task["trained_length"] for task in expand(tasks)] == [64, 128]
    assert labels(tasks) == ["recall(zoology-64)", "recall(zoology-128)"]


def test_every_preset_of_every_task_can_be_run(expand):
    for name in TASKS:
        for preset in TASKS[name].presets:
            settings = dict(TASKS[name].presets[preset])
            lengths, tests = settings.pop("length"), settings.pop("test_lengths", [])
            shortest, longest = lengths if isinstance(lengths, list | tuple) else (lengths, lengths)
            (task,) = expand(f"[{name}: {{preset: {preset}}}]")
            assert task["task"] == TASKS.spec({name: settings})
            assert (task["shortest_length"], task["trained_length"]) == (shortest, longest)
            assert task["test_lengths"] == tuple(sorted({longest, *tests}))


def test_labels_tell_tasks_apart(labels):
    tasks = "[recall: {preset: zoology-64, vocabulary: [256, 512]}, copy: {length: 3, items: 4}, copy: {length: 3}]"
    assert labels(tasks) == ["recall(vocabulary=256)", "recall(vocabulary=512)", "copy(items=4)", "copy"]
    after = "{recall: {length: 15, steps: 9}}, {recall: {length: 15}}, {recall: {length: 17}}"
    assert labels(f"[copy: {{length: 3, pretrain: [{after}]}}]") == [
        "copy after recall(pretrain length=15, pretrain steps=9)",
        "copy after recall(pretrain length=15)",
        "copy after recall(pretrain length=17)",
    ]


def test_a_range_of_lengths_is_mixed_and_tested_at_its_longest(expand, labels):
    (task,) = expand("[copy: {length: [3, 7], test_lengths: [20]}]")
    assert (task["shortest_length"], task["trained_length"], task["test_lengths"]) == (3, 7, (7, 20))
    assert labels("[copy: {length: [3, 7]}, copy: {length: 7}]") == ["copy(length=3-7)", "copy(length=7)"]


def test_with_and_without_pretraining(expand, labels):
    tasks = "[copy: {length: 3, pretrain: [null, {recall: {length: [15, 17], steps: 9}}]}]"
    assert labels(tasks) == ["copy", "copy after recall"]
    bare, pretrained = expand(tasks)
    assert bare["task"] == pretrained["task"] == TASKS.spec("copy")
    assert "earlier" not in bare
    assert pretrained["earlier"] == TASKS.spec("recall")
    lengths = pretrained["earlier_shortest_length"], pretrained["earlier_length"]
    assert (lengths, pretrained["earlier_steps"]) == ((15, 17), 9)


def test_an_earlier_task_is_trained_on_for_as_many_steps_where_none_are_given(expand):
    (task,) = expand("[copy: {length: 3, pretrain: {recall: {length: 15}}}]")
    assert task["earlier_steps"] == 6, "as many as the suite's recipe has"


def test_a_task_may_set_its_own_steps(tiny):
    trials = make_plan(SuiteFile(tiny(tasks="[copy: {length: 3, steps: 9}, parity: {length: 3}]"))).trials
    assert {(trial.task.name, trial.recipe.steps) for trial in trials} == {("copy", 9), ("parity", 6)}


def test_labels_tell_budgets_apart(labels):
    assert labels("[copy: {length: 3, steps: 9}, copy: {length: 3}]") == ["copy(steps=9)", "copy"]


def test_the_key_of_a_trial_knows_lengths_and_pretraining(tiny):
    suites = [
        "[copy: {length: 5}]",
        "[copy: {length: [3, 5]}]",
        "[copy: {length: 5, pretrain: {copy: {length: 5, steps: 2}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: 5, steps: 3}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: 4, steps: 3}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: [4, 5], steps: 3}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: 5, steps: 3, items: 2}}}]",
    ]
    keys = {make_plan(SuiteFile(tiny(tasks=tasks))).trials[0].key for tasks in suites}
    assert len(keys) == len(suites)


def test_what_cannot_be_pretrained_is_skipped(tiny, forget_plugins):
    """A model that reads its queries in order cannot start with a masked language model."""
    tasks = "[next_sentence: {length: 8, pretrain: {masked_language: {length: 8, steps: 3}}}]"
    plan = make_plan(SuiteFile(tiny(mechanisms="[gru, transformer_encoder]", tasks=tasks)))
    assert [trial.mechanism.name for trial in plan.trials] == ["transformer_encoder"]
    (skipped,) = plan.skipped
    assert plan.labels[skipped.key][0].text == "gru"
    assert "masked_language" in skipped.reason
