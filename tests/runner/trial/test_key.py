"""A trial's key changes exactly when its result could."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from results import load_trials
from runner.plugins import REGISTRIES
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.trial.key import modules_of
from runner.trial.measure import measure
from tests.runner.conftest import ROOT

PACKAGES = ("registry", "mechanisms", "tasks", "runner", "results")
SUITE = {
    "mechanisms": "[gru, rnn_attention: {decoder: luong}, transformer: {alignment: [dot, additive]}]",
    "tasks": "[copy: {length: 3, items: 2}, translation: {length: 4}, "
    "next_sentence: {length: 4, text: context_free, pretrain: {language: {length: 4, text: context_free, steps: 2}}}]",
    "train": "{width: 8, batch: 4, steps: 2, evaluate_every: 1, validation_examples: 8, test_examples: 8}",
    "probes": "[accuracy, accuracy_by_distance, gradient_flow: {lengths: [6], examples: 2}, cost: {lengths: [4]}, "
    "throughput: {lengths: [4], seconds: 0.001, batch: 2, rounds: 1}, memory: {lengths: [4]}]",
}
PLUGIN = '''"""A score."""
from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("fresh")
class Fresh(InnerProduct):
    """A score."""
    scale = {scale}

    def score(self, query, key):
        {body}
        return super().score(query, key)
'''

pytestmark = pytest.mark.usefixtures("forget_plugins")


def planned(path, *plugins):
    return make_plan(SuiteFile(path), [str(p) for p in plugins], folder=path.parent / "no-plugins")


def keys(path, *plugins):
    """Return the keys of a plan, and leave the registries as they were."""
    found = [trial.key for trial in planned(path, *plugins).trials]
    REGISTRIES["alignment"].forget("fresh")
    return found


def executed(trial) -> set[str]:
    """Return the modules of the project in which a function runs while the trial is measured."""
    files: set[str] = set()

    def note(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        measure(trial, torch.device("cpu"))
    finally:
        sys.setprofile(before)
    inside = [Path(file).relative_to(ROOT) for file in files if Path(file).is_relative_to(ROOT)]
    return {".".join(file.with_suffix("").parts) for file in inside if file.parts[0] in PACKAGES}


def test_every_function_that_a_trial_runs_is_in_a_module_that_its_key_covers(tiny):
    """Trained, pre-trained, decoded, untrained and timed: one process for all, as the plan has them."""
    trials = planned(tiny(**SUITE)).trials
    kinds = {(trial.task.name if trial.task else trial.probes[0].name, trial.alone) for trial in trials}
    assert len(kinds) == 7
    for trial in trials:
        outside = executed(trial) - set(modules_of(trial))
        assert not outside, f"{trial.mechanism.name} {trial.task}: {outside}"


def test_reports_and_the_command_line_are_in_no_key(tiny):
    covered = {name for trial in planned(tiny(**SUITE)).trials for name in modules_of(trial)}
    outside = ("results.analysis", "results.views", "results.charts", "results.report", "results.store.load")
    outside += ("runner.cli", "runner.catalogue", "runner.execution", "runner.suite", "tests")
    assert not [name for name in covered if name.startswith(outside)]
    assert {"tasks.sources.context_free", "tasks.sources.grammar", "runner.training.decode"} <= covered


def test_a_trial_covers_no_other_mechanism_and_no_other_task(tiny):
    (trial,) = planned(tiny(mechanisms="[gru]")).trials
    names = {name for name in modules_of(trial) if name.startswith(("mechanisms.models.", "tasks."))}
    assert names == {
        "mechanisms.models.gru",
        "mechanisms.models.rnn",
        "mechanisms.models.model",
        "tasks.copy",
        "tasks.spaces",
        "tasks.task",
    }


EDIT_EACH = """
import ast, sys
from pathlib import Path
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.trial.key import key_of, read_sources_again

trials = make_plan(SuiteFile(Path(sys.argv[1])), folder=Path("no-plugins")).trials
trial = next(t for t in trials if t.task is not None and t.task.name == sys.argv[2] and t.mechanism.name == sys.argv[3])
for module in sys.argv[4:]:
    file = Path(*module.split(".")).with_suffix(".py")
    text = file.read_text()
    tree = ast.parse(text)
    function = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    function.body.append(ast.parse("edited = 1").body[0])
    file.write_text(ast.unparse(tree))
    read_sources_again()
    print(module, key_of(trial) != trial.key)
    file.write_text(text)
read_sources_again()
print("back", key_of(trial) == trial.key)
"""


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.slow)])
def test_an_edit_of_one_function_of_an_executed_module_changes_the_key(every, tiny, tmp_path):
    suite = tiny(**SUITE)
    trials = planned(suite).trials
    trial = next(t for t in trials if t.earlier is not None and t.mechanism.settings.get("alignment"))
    modules = sorted(executed(trial))
    assert len(modules) > 30
    modules = modules[::every]
    copy = tmp_path / "copy"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", EDIT_EACH, str(suite), trial.task.name, trial.mechanism.name, *modules],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:-1] == [*(f"{module} True" for module in modules), "back True"]


def test_comments_docstrings_and_formatting_do_not_count(tiny, write):
    path = tiny(mechanisms="[transformer: {alignment: fresh}]")
    plugin = PLUGIN.format(scale=1.0, body="pass")
    told = plugin.replace('"""A score."""', '"""Another text."""').replace("        pass", "        pass  # why\n")
    same = [keys(path, write(f"{folder}/my.py", text)) for folder, text in (("one", plugin), ("two", told))]
    assert same[0] == same[1]


def test_a_key_follows_the_source_of_a_plugin_wherever_it_stands(tiny, write):
    """Moved, it is the same; changed, it is another."""
    path = tiny(mechanisms="[transformer: {alignment: fresh}]")
    first = keys(path, write("one/my.py", PLUGIN.format(scale=1.0, body="pass")))
    moved = keys(path, write("elsewhere/deep/my.py", PLUGIN.format(scale=1.0, body="pass")))
    changed = keys(path, write("three/my.py", PLUGIN.format(scale=2.0, body="pass")))
    assert first == moved != changed


@pytest.mark.parametrize(
    "body",
    [
        "import helper_of_fresh",
        "from helper_of_fresh import number",
        "from typing import TYPE_CHECKING\n        if not TYPE_CHECKING:\n            import helper_of_fresh",
        "from typing import TYPE_CHECKING\n        if TYPE_CHECKING:\n            pass\n        else:\n"
        "            import helper_of_fresh",
    ],
    ids=["import", "from", "if not type checking", "else"],
)
def test_a_helper_that_is_imported_in_a_method_counts(body, tiny, write, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    path = tiny(mechanisms="[transformer: {alignment: fresh}]")
    found = []
    for number in (1, 1, 2):
        write("helper_of_fresh.py", f"number = {number}\n")
        found += keys(path, write(f"{len(found)}/my.py", PLUGIN.format(scale=1.0, body=body)))
    assert found[0] == found[1] != found[2]


def test_the_packages_of_a_plugin_and_of_its_helpers_count(tiny, write, tmp_path, monkeypatch):
    """Their __init__ runs when they are imported."""
    monkeypatch.syspath_prepend(tmp_path)
    path = tiny(mechanisms="[transformer: {alignment: fresh}]")
    write("kit_of_fresh/tools/shape.py", "sides = 4\n")
    write("kit_of_fresh/tools/__init__.py", "")
    found = []
    for number, (package, helper) in enumerate([("", ""), ("one = 1\n", ""), ("", "two = 2\n"), ("", "")]):
        write("kit_of_fresh/__init__.py", package)
        write("kit_of_fresh/tools/__init__.py", helper)
        body = "from kit_of_fresh.tools import shape"
        found += keys(path, write(f"{number}/my.py", PLUGIN.format(scale=1.0, body=body)))
    assert found[0] == found[3]
    assert len(set(found)) == 3


def test_a_plugin_that_is_a_package_may_be_moved(tiny, write):
    """Its modules have the digest of its path in their names, and keys do not."""
    path = tiny(mechanisms="[transformer: {alignment: fresh}]")
    found = []
    for folder, sides in (("here", 4), ("elsewhere/deep", 4), ("there", 5)):
        write(f"{folder}/my_kit/my_help.py", f"sides = {sides}\n")
        text = PLUGIN.format(scale=1.0, body="from .my_help import sides")
        package = write(f"{folder}/my_kit/__init__.py", text)
        found += keys(path, package)
    assert found[0] == found[1] != found[2]


@pytest.mark.slow
def test_a_plugin_that_is_a_module_of_a_package_runs(tiny, write, shell, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    write("scores_of_mine/__init__.py", "from .base import SCALE\n")
    write("scores_of_mine/base.py", "SCALE = 2.0\n")
    write("scores_of_mine/my.py", PLUGIN.format(scale=1.0, body="from . import SCALE"))
    done = shell.run(tiny(mechanisms="[transformer: {alignment: fresh}]"), "--plugin", "scores_of_mine.my")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_helper_that_the_key_cannot_see_fails_the_trial_with_its_name(tiny, write, shell, tmp_path):
    """Imported by name at run time; the other trials run."""
    body = "import sys, importlib; sys.path.insert(0, {!r}); importlib.import_module('hidden_' + 'helper')"
    write("hidden_helper.py", "number = 1\n")
    plugin = write("my.py", PLUGIN.format(scale=1.0, body=body.format(str(tmp_path))))
    suite = tiny(mechanisms="[gru, transformer: {alignment: fresh}]")
    done = shell.run(suite, "--plugin", plugin)
    assert done.returncode == 2, done.stderr
    trials = load_trials(shell.runs / "tiny").set_index("model")
    assert trials.loc["gru", "outcome"] == "ok"
    assert trials.loc["transformer", "outcome"] == "failed"
    assert "it loaded hidden_helper, which its key does not cover" in trials.loc["transformer", "reason"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2, reason="one core, or no say")
def test_the_key_of_a_timed_trial_holds_the_cores_and_no_other_key_does(tiny):
    path = tiny(probes="[accuracy, throughput: {lengths: [4], rounds: 1}]")
    allowed = os.sched_getaffinity(0)
    trained, timed = planned(path).trials
    try:
        os.sched_setaffinity(0, {min(allowed)})
        trained_on_one, timed_on_one = planned(path).trials
    finally:
        os.sched_setaffinity(0, allowed)
    assert trained.key == trained_on_one.key
    assert timed.key != timed_on_one.key
    assert "1 core" in timed_on_one.machine


OUTSIDE = """
import {library}
from mechanisms import MODELS


@MODELS.register("borrowed")
class Borrowed(MODELS["gru"]):
    @classmethod
    def depends_on(cls, settings):
        return ({library}.{name},)
"""


def borrowed(tiny, plugin):
    (trial,) = planned(tiny(mechanisms="[borrowed]"), plugin).trials
    REGISTRIES["model"].forget("borrowed")
    return trial


def test_a_key_follows_the_version_of_what_a_model_brings_in(tiny, write, monkeypatch):
    plugin = OUTSIDE.format(library="pytest", name="Item")
    first = borrowed(tiny, write("a/borrowing.py", plugin)).key
    assert first == borrowed(tiny, write("b/borrowing.py", plugin)).key
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    assert first != borrowed(tiny, write("c/borrowing.py", plugin)).key


def test_a_key_follows_the_source_of_what_a_model_brings_in(tiny, write, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for number in (1, 1, 2):
        write("lender.py", f"class Lent:\n    number = {number}\n")
        sys.modules.pop("lender", None)
        plugin = write(f"{len(found)}/borrowing.py", OUTSIDE.format(library="lender", name="Lent"))
        found.append(borrowed(tiny, plugin).key)
    sys.modules.pop("lender")
    assert found[0] == found[1] != found[2]


def test_built_in_names_are_the_names_of_their_modules():
    """A process imports the module of what it looks up, and no other."""
    for registry in REGISTRIES.values():
        for entry in registry.entries():
            if not entry.origin.is_plugin:
                assert entry.value.__module__.rpartition(".")[2] == entry.name


def test_no_package_of_the_project_does_more_than_re_export():
    """Keys look through their __init__ files. The checks are in no key."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("__init__.py"):
            if file.parent.name == "conformance":
                continue
            for node in ast.parse(file.read_text()).body:
                is_list = isinstance(node, ast.Assign) and [t.id for t in node.targets] == ["__all__"]
                # It only raises, where a name that has moved is imported.
                is_moved = isinstance(node, ast.If) and ast.unparse(node.body[0]).startswith("__getattr__ = moved(")
                imports = isinstance(node, ast.Expr | ast.Import | ast.ImportFrom)
                assert is_list or is_moved or imports, f"{file}:{node.lineno}"
