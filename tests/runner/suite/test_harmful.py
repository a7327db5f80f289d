"""Plug-ins that do harm when the plan builds them or asks them something: only they are left out."""

import os

import pytest

from runner.plugins import REGISTRIES, load_plugins
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

pytestmark = pytest.mark.usefixtures("forget_plugins")

HEAD = "import os\nfrom mechanisms import MODELS\nfrom tasks import TASKS\nfrom runner.probes import PROBES\n"
MODEL = "@MODELS.register('harmful')\nclass Harmful(MODELS['gru']):\n    def {name}(*args, **kwargs):\n        {body}\n"
TASK = "@TASKS.register('harmful')\nclass Harmful(TASKS['copy']):\n    def {name}(*args):\n        {body}\n"
PROBE = "@PROBES.register('harmful')\nclass Harmful(PROBES['accuracy']):\n    def {name}(*args):\n        {body}\n"
KILL, RAISE = "os.kill(os.getpid(), 9)", "raise KeyError('lost')"
MATCH = {"mechanisms": "[gru, harmful]", "match": "{parameters: 6000}", "train": "{batch: 8, steps: 6}"}
FLOPS = {"mechanisms": "[gru, harmful]", "budget": "flops"}
SECONDS = {"mechanisms": "[gru, harmful]", "budget": "seconds"}
LEAKS = {"mechanisms": "[gru, harmful]", "tasks": "[language: {length: 8}]"}
TWO_TASKS = {"tasks": "[copy: {length: 3, items: 2}, harmful: {length: 3, items: 2}]"}
TWO_PROBES = {"probes": "[accuracy, harmful]"}

LEFT_OUT = [
    (MODEL, {"name": "__init__", "body": KILL}, MATCH, "no width was found for it: it was killed by SIGKILL"),
    (MODEL, {"name": "__init__", "body": "os._exit(3)"}, MATCH, "it ended with exit code 3"),
    (MODEL, {"name": "__init__", "body": "raise SystemExit(3)"}, MATCH, "it raised SystemExit: 3"),
    (MODEL, {"name": "forward", "body": KILL}, FLOPS, "a step of harmful cannot be measured: it was killed by SIGKILL"),
    (MODEL, {"name": "forward", "body": RAISE}, FLOPS, "a step of harmful cannot be measured: KeyError: 'lost'"),
    (MODEL, {"name": "forward", "body": KILL}, SECONDS, "a step of harmful cannot be measured: it was killed by"),
    (MODEL, {"name": "sees_all", "body": RAISE}, LEAKS, "does not say with what it can be combined: KeyError"),
    (MODEL, {"name": "depends_on", "body": RAISE}, {"mechanisms": "[gru, harmful]"}, "KeyError: 'lost'"),
    (TASK, {"name": "check_length", "body": KILL}, TWO_TASKS, "it was killed by SIGKILL"),
    (TASK, {"name": "check_length", "body": RAISE}, TWO_TASKS, "it cannot be built: KeyError: 'lost'"),
    (PROBE, {"name": "__init__", "body": KILL}, TWO_PROBES, "it cannot be built: it was killed by SIGKILL"),
    (PROBE, {"name": "__init__", "body": RAISE}, TWO_PROBES, "it cannot be built: KeyError: 'lost'"),
    (PROBE, {"name": "about_seconds", "body": "pass"}, TWO_PROBES, "it cannot be built: TypeError: float()"),
]


@pytest.mark.parametrize(("template", "parts", "changes", "reason"), LEFT_OUT, ids=[str(row[1]) for row in LEFT_OUT])
def test_it_is_left_out_with_its_reason(tiny, write, template, parts, changes, reason):
    plugin = write("harmful.py", HEAD + template.format(**parts))
    path = tiny(**changes)
    here = os.getpid()
    plan = make_plan(SuiteFile(path), [str(plugin)], folder=path.parent / "no-plugins")
    assert os.getpid() == here
    names = {spec.name for trial in plan.trials for _, spec in trial.specs()}
    assert "gru" in names
    assert "harmful" not in names
    reasons = [each.reason for each in plan.skipped] + [plan.unavailable.get("harmful")]
    assert any(reason in str(each) for each in reasons), reasons


@pytest.mark.parametrize(
    ("kind", "contract"), [("model", "SequenceModel"), ("task", "Task"), ("probe", "Probe"), ("view", "View")]
)
def test_a_class_that_is_nothing_of_its_kind_is_refused(write, kind, contract):
    text = f"from registry import REGISTRIES\nREGISTRIES['{kind}'].register('harmful')(type('Nothing', (), {{}}))\n"
    plugin = write("plugins/harmful.py", text)
    _, errors = load_plugins(folder=plugin.parent)
    reason = f"the {kind} 'harmful' is no {contract}: its class must be derived from that"
    assert errors == {str(plugin): reason}
    assert "harmful" not in REGISTRIES[kind]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("reads_content = {1, 2}", "results cannot keep reads_content, which is {1, 2}"),
        ("def __init__(self, heads, query_dim, key_dim, *, setting=print): pass", "results cannot keep setting"),
        ("pass\n1 / 0", "ZeroDivisionError: division by zero"),
    ],
)
def test_no_part_of_a_plugin_that_fails_stays(write, text, reason):
    head = "from mechanisms.alignments import ALIGNMENTS, InnerProduct\n@ALIGNMENTS.register('harmful')\n"
    plugin = write("plugins/harmful.py", f"{head}class Harmful(InnerProduct):\n    {text}\n")
    _, errors = load_plugins(folder=plugin.parent)
    assert reason in errors[str(plugin)]
    assert "harmful" not in REGISTRIES["alignment"]
