"""Everything that comes with the project passes the checks of its kind."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext

import pytest

from mechanisms.conformance.compiling import BUILT_IN_STOPS, STOPS, WHOLE
from registry import UserError
from registry.checks import applies, run_checks
from registry.registry import Registry
from runner.plugins import REGISTRIES, ROOT

BUILT_IN = [
    (kind, entry.name)
    for kind, registry in REGISTRIES.items()
    for entry in registry.entries()
    if not entry.origin.is_plugin
]

STOPS_UNDER_SHAPE_CHECKS = [
    ("alignment", "coverage"),
    ("alignment", "location_aware"),
    ("alignment", "monotonic"),
    ("model", "self_attentive_rnn"),
]
"""They make dataclasses. The checks of shapes that tests add wrap the constructors, and there torch.compile stops."""


SLOWER = [("task", "translation"), ("probe", "memory"), ("probe", "speedup")]
"""Their checks take 5 to 7 seconds each, and they have many tests of their own."""


@pytest.mark.parametrize(
    ("kind", "name"), [pytest.param(*each, marks=pytest.mark.slow if each in SLOWER else ()) for each in BUILT_IN]
)
def test_everything_built_in_passes_its_checks(kind: str, name: str) -> None:
    registry, value = REGISTRIES[kind], REGISTRIES[kind][name]
    isolated = getattr(registry._conformance(), "isolated", nullcontext)
    # To compile everything takes as long as all other checks; the slow test does it.
    checks = [each for each in registry.checks() if each.__name__ != "compiles"]
    results = list(run_checks(checks, value, isolated))
    assert [result for result in results if not result.passed] == []
    assert [result.check for result in results] == [each.__name__ for each in checks if applies(each, value)]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_what_compiles_goes_on_compiling(kind: str, name: str) -> None:
    results = list(REGISTRIES[kind].check(REGISTRIES[kind][name]))
    assert all(result.passed for result in results)
    stops = name in BUILT_IN_STOPS.get(kind, {}) or (kind, name) in STOPS_UNDER_SHAPE_CHECKS
    found = [result.message.startswith(STOPS) for result in results if result.check == "compiles"]
    assert found in ([], [stops]), "what torch.compile takes today it must go on taking"


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), STOPS_UNDER_SHAPE_CHECKS)
def test_without_the_checks_of_shapes_it_compiles(kind: str, name: str) -> None:
    code = (
        "from runner.plugins import REGISTRIES;"
        f"registry = REGISTRIES[{kind!r}];"
        f"print({{check.__name__: check for check in registry.checks()}}['compiles'](registry[{name!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == WHOLE


def test_the_list_of_what_does_not_compile_names_what_is_registered() -> None:
    listed = [(kind, name) for kind, names in BUILT_IN_STOPS.items() for name in names]
    assert set(listed) <= set(BUILT_IN)


@pytest.mark.parametrize("kind", list(REGISTRIES))
def test_every_kind_has_checks_and_a_template(kind: str) -> None:
    first, *others = [check.__name__ for check in REGISTRIES[kind].checks()]
    assert first == "constructs", "a class that cannot be built is checked no further"
    assert others
    template = REGISTRIES[kind].template
    assert template is not None
    assert template.is_file()


def test_a_kind_without_checks_says_so() -> None:
    with pytest.raises(UserError, match="there are no checks for an example"):
        list(Registry("example").check(object))
