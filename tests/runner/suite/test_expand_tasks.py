"""Presets, mixed lengths and pre-training, as a suite writes them."""

import pytest

from runner.suite.expand_tasks import TaskExpansion
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from tasks import TASKS


@pytest.fixture
def expand(tiny):
    return lambda tasks: TaskExpansion(SuiteFile(tiny(tasks=tasks))).tasks()


def test_a_preset_is_what_was_published(expand):
    (task,) = expand("[recall: {preset: zoology-128}]")
    assert (task.length, task.settings) == (128, {"pairs": 8, "vocabulary": 8192})
    assert task.label == "recall"


def test_what_is_given_beside_a_preset_wins(expand):
    (task,) = expand("[recall: {preset: zoology-128, vocabulary: 256, test_lengths: [512]}]")
    assert task.settings == {"pairs": 8, "vocabulary": 256}
    assert task.test_lengths == (128, 512)


def test_presets_are_swept(expand):
    first, second = expand("[recall: {preset: [zoology-64, zoology-128]}]")
    assert (first.length, second.length) == (64, 128)
    assert [first.label, second.label] == ["recall(zoology-64)", "recall(zoology-128)"]


def test_every_preset_of_every_task_can_be_run(expand):
    for name in TASKS:
        for preset in TASKS[name].presets:
            assert expand(f"[{name}: {{preset: {preset}}}]")[0].given == preset


def test_labels_tell_tasks_apart(expand):
    tasks = "[recall: {preset: zoology-64, vocabulary: [256, 512]}, copy: {length: 3, items: 4}, copy: {length: 3}]"
    assert [task.label for task in expand(tasks)] == [
        "recall(zoology-64, vocabulary=256)",
        "recall(zoology-64, vocabulary=512)",
        "copy(items=4, length=3)",
        "copy(length=3)",
    ]
    after = "{recall: {length: 15, steps: 9}}, {recall: {length: 15}}, {recall: {length: 17}}"
    assert [task.label for task in expand(f"[copy: {{length: 3, pretrain: [{after}]}}]")] == [
        "copy(length=3) after recall(length=15) for 9 steps",
        "copy(length=3) after recall(length=15)",
        "copy(length=3) after recall(length=17)",
    ]


def test_a_range_of_lengths_is_mixed_and_tested_at_its_longest(expand):
    (task,) = expand("[copy: {length: [3, 7], test_lengths: [20]}]")
    assert (task.shortest, task.length, task.test_lengths) == (3, 7, (7, 20))
    one, other = expand("[copy: {length: [3, 7]}, copy: {length: 7}]")
    assert [one.label, other.label] == ["copy(length=3-7)", "copy(length=7)"]


def test_with_and_without_pretraining(expand):
    bare, pretrained = expand("[copy: {length: 3, pretrain: [null, {recall: {length: 15, steps: 9}}]}]")
    assert [bare.label, pretrained.label] == ["copy", "copy after recall"]
    assert bare.pretraining is None
    assert (pretrained.pretraining.task.length, pretrained.pretraining.steps) == (15, 9)


def test_the_key_of_a_cell_knows_lengths_and_pretraining(tiny):
    suites = [
        "[copy: {length: 5}]",
        "[copy: {length: [3, 5]}]",
        "[copy: {length: 5, pretrain: {copy: {length: 5, steps: 2}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: 5, steps: 3}}}]",
        "[copy: {length: 5, pretrain: {copy: {length: 4, steps: 3}}}]",
    ]
    keys = {make_plan(SuiteFile(tiny(tasks=tasks))).cells[0].key for tasks in suites}
    assert len(keys) == len(suites)


def test_what_cannot_be_pretrained_is_skipped(tiny, forget_plugins):
    """A model that reads its queries in order cannot start with a masked language model."""
    tasks = "[next_sentence: {length: 8, pretrain: {masked_language: {length: 8, steps: 3}}}]"
    plan = make_plan(SuiteFile(tiny(mechanisms="[gru, transformer_encoder]", tasks=tasks)))
    assert [cell.label for cell in plan.cells] == ["transformer_encoder"]
    (skip,) = plan.skips
    assert skip.label == "gru"
    assert "masked_language" in skip.reason
