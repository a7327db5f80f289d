"""docs/plugins.md lists what plug-ins may import: every name is there, and the templates import nothing else."""

import ast
import importlib
import re

import pytest

from registry import UserError, load_plugin, moved
from runner.plugins import REGISTRIES, ROOT
from runner.trial.imports import PACKAGES

PAGE = ROOT / "docs" / "plugins.md"
# All that these packages export is for plug-ins; of the others, the page lists a part.
WHOLE = (
    "mechanisms",
    "mechanisms.alignments",
    "mechanisms.attention",
    "mechanisms.models",
    "mechanisms.normalizers",
    "mechanisms.positions",
    "results.views",
    "runner.probes",
    "tasks",
)


def imported(text):
    """Return the (module, name) pairs that a source imports from the project."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found |= {(node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
    return {(module, name) for module, name in found if module.split(".")[0] in PACKAGES}


def listed():
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return set().union(*map(imported, blocks))


@pytest.mark.parametrize(("module", "name"), sorted(listed()))
def test_every_listed_name_is_exported(module, name):
    package = importlib.import_module(module)
    assert name in package.__all__
    assert hasattr(package, name)


@pytest.mark.parametrize("module", WHOLE)
def test_every_exported_name_is_listed(module):
    """A name that its own package exports may be listed under a package above it, as it is there."""
    listed_somewhere = {name for other, name in listed() if f"{module}.".startswith(f"{other}.")}
    assert set(importlib.import_module(module).__all__) <= listed_somewhere


@pytest.mark.parametrize("kind", sorted(REGISTRIES))
def test_a_template_imports_only_listed_names(kind):
    template = REGISTRIES[kind].template
    assert template is not None, f"there is no template for the kind {kind}"
    used = imported(template.read_text(encoding="utf-8").replace("$title", "Title"))
    assert used, "a template imports its contract"
    assert used <= listed()


def test_the_example_of_add_a_mechanism_imports_only_listed_names():
    page = (ROOT / "docs" / "add-a-mechanism.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert imported(example) <= listed()


MOVED = [
    ("mechanisms", "refusal", "mechanisms.incompatibility"),
    ("mechanisms", "History", "mechanisms.AttentionHistory"),
    ("mechanisms.alignments", "Focus", "mechanisms.alignments.PredictedWindow"),
    ("mechanisms.alignments", "History", "mechanisms.alignments.AttentionHistory"),
    ("mechanisms.alignments", "Place", "mechanisms.alignments.PairPositions"),
    ("mechanisms.models", "State", "mechanisms.State"),
    ("mechanisms.models", "state_bytes", "mechanisms.state_bytes"),
    ("mechanisms.models", "state_tensors", "mechanisms.state_tensors"),
    ("results", "load_cells", "results.load_trials"),
    ("runner.probes", "Cost", "runner.probes.ModelCost"),
]


@pytest.mark.parametrize(("module", "old", "new"), MOVED)
def test_a_name_that_has_moved_says_where_it_is(tmp_path, module, old, new):
    place, _, name = new.rpartition(".")
    assert name in importlib.import_module(place).__all__
    plugin = tmp_path / "old_plugin.py"
    plugin.write_text(f"from {module} import {old}\n", encoding="utf-8")
    sentence = f"{module}.{old} is {new} now: write 'from {place} import {name}'"
    with pytest.raises(UserError, match=f"{re.escape(sentence)}$"):
        load_plugin(str(plugin))


def test_other_names_fail_as_in_any_package():
    missing = moved("a.package", {"Old": "a.place.New"})
    with pytest.raises(AttributeError, match=r"module 'a\.package' has no attribute 'Other'"):
        missing("Other")
    package = importlib.import_module("results")
    assert not hasattr(package, "no_such_name")
    with pytest.raises(ImportError, match="cannot import name 'no_such_name'"):
        exec("from results import no_such_name")


def test_the_versions_on_the_page_hold_the_present_one():
    """A package that requires what the page says gets this version, and none with another interface."""
    from packaging.requirements import Requirement

    (required,) = re.findall(r'^dependencies = \["(.*)"\]', PAGE.read_text(encoding="utf-8"), re.M)
    (version,) = re.findall(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    specifier = Requirement(required).specifier
    major, minor, _ = map(int, version.split("."))
    after = f"{major + 1}.0.0" if major else f"0.{minor + 1}.0"
    assert specifier.contains(version)
    assert not specifier.contains(after)
