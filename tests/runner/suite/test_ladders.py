"""Ladders, and mechanisms of one task alone, as a suite writes them."""

import pytest

from registry import UserError
from results.store.load import tidy
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.suite.tasks import TaskExpansion


@pytest.fixture
def expand(tiny):
    return lambda tasks: TaskExpansion(SuiteFile(tiny(tasks=tasks))).tasks()


def test_each_rung_is_a_task_of_its_own(expand):
    tasks = expand("[copy: {length: 5, ladder: {items: [2, 4, 8]}}]")
    assert [(task["task"].settings["items"], task["trained_length"]) for task in tasks] == [(2, 5), (4, 5), (8, 5)]


def test_a_ladder_of_lengths_is_trained_and_tested_at_each(expand):
    tasks = expand("[copy: {items: 2, ladder: {length: [4, 8]}}]")
    assert [(task["trained_length"], task["test_lengths"]) for task in tasks] == [(4, (4,)), (8, (8,))]


def test_a_rung_has_the_key_of_the_same_task_without_a_ladder(tiny):
    ladder = make_plan(SuiteFile(tiny(tasks="[copy: {length: 5, ladder: {items: [2, 4]}}]")))
    alone = make_plan(SuiteFile(tiny(tasks="[copy: {length: 5, items: [2, 4]}]")))
    assert [trial.key for trial in ladder.trials] == [trial.key for trial in alone.trials]


def test_results_know_the_rungs_of_each_ladder(tiny):
    tasks = (
        "[copy: {length: 5, ladder: {items: [2, 4]}}, copy: {length: 9, ladder: {items: [2, 4]}}, "
        "copy: {items: 3, ladder: {length: [5, 7]}}, recall: {length: 20}]"
    )
    plan = make_plan(SuiteFile(tiny(mechanisms="[gru]", tasks=tasks)))
    rows = [
        {"key": each.key, "trial": each.trial, "properties": {}, "plugins": [], "outcome": None, "session": None}
        | dict.fromkeys(("reason", "path", "seconds", "attempts", "retried", "position"))
        for each in plan.planned
    ]
    trials, _ = tidy(rows, [], {})
    assert [(row.ladder, row.ladder_setting, row.rung) for row in trials[trials["ladder"].notna()].itertuples()] == [
        ("copy by items(length=5)", "items", 2),
        ("copy by items(length=5)", "items", 4),
        ("copy by items(length=9)", "items", 2),
        ("copy by items(length=9)", "items", 4),
        ("copy by length", "length", 5),
        ("copy by length", "length", 7),
    ]


def test_a_task_may_have_mechanisms_of_its_own(tiny):
    tasks = "[copy: {length: 5}, recall: {length: 20, mechanisms: [transformer: {alignment: [dot, cosine]}, gru]}]"
    plan = make_plan(SuiteFile(tiny(mechanisms="[gru, lstm]", tasks=tasks)))
    told = [(mechanism.text, task.text) for mechanism, task in (plan.labels[trial.key] for trial in plan.trials)]
    assert told == [
        ("gru", "copy"),
        ("lstm", "copy"),
        ("transformer(dot)", "recall"),
        ("transformer(cosine)", "recall"),
        ("gru", "recall"),
    ]


def test_untrained_probes_measure_the_mechanisms_of_the_suite(tiny):
    tasks = "[copy: {length: 5, mechanisms: [lstm]}]"
    plan = make_plan(SuiteFile(tiny(mechanisms="[gru]", tasks=tasks, probes="[accuracy, cost: {lengths: [4]}]")))
    assert [(trial.mechanism.name, trial.task is None) for trial in plan.trials] == [("lstm", False), ("gru", True)]


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("copy: {length: 5, ladder: [2, 4]}", "copy: ladder is [2, 4]; one setting with two increasing numbers"),
        ("copy: {length: 5, ladder: {items: [4]}}", "one setting with two increasing numbers or more"),
        ("copy: {length: 5, ladder: {items: [4, 2]}}", "one setting with two increasing numbers or more"),
        ("copy: {length: 5, ladder: {items: [2, x]}}", "one setting with two increasing numbers or more"),
        ("copy: {length: 5, ladder: {items: [2, 4], symbols: [2, 4]}}", "one setting with two increasing numbers"),
        (
            "copy: {length: 5, items: 3, ladder: {items: [2, 4]}}",
            "items is given beside its ladder; leave it out",
        ),
        ("copy: {length: 5, ladder: {steps: [2, 4]}}", "copy: steps is no setting for a ladder"),
        ("copy: {length: 5, ladder: {item: [2, 4]}}", "task 'copy' has no setting 'item'. Did you mean 'items'?"),
        ("copy: {length: 5, ladder: {items: [0, 4]}}", "copy needs items >= 1"),
        (
            "copy: {length: 5, mechanisms: gru}",
            "copy: mechanisms is 'gru'; a list such as [lstm, transformer]",
        ),
        ("copy: {length: 5, mechanisms: []}", "copy: mechanisms is []; a list such as"),
        ("copy: {length: 5, mechanisms: [grru]}", "Did you mean 'gru'?"),
        ("copy: {length: 5, mechanisms: [3]}", "copy: a model is 3; a name, or one name"),
        (
            "copy: {length: 3, pretrain: {copy: {length: 3, ladder: {items: [2, 4]}}}}",
            "copy: pretrain has ladder, but the first task has one setting; leave it out",
        ),
    ],
)
def test_mistakes(tiny, task, sentence):
    with pytest.raises(UserError) as caught:
        make_plan(SuiteFile(tiny(tasks=f"[{task}]")))
    assert sentence in str(caught.value)
    assert ":4: " in str(caught.value)
