"""Views of plug-ins that do harm, or that give nonsense, are left out of the report with the reason."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from registry import Origin
from registry.origin import current_origin
from results.analysis.run import Run, read
from results.report import rehearsal
from results.report.contents import contents
from results.report.html import html
from results.views import VIEWS, Column, Finding, Table, View
from tests.results.synthetic import write_run

Method = Callable[..., Any]


class Plain(View):
    """A view that shows one sentence."""

    title = "Plain"
    order = 1_000_000
    needs = ("accuracy",)

    def findings(self, run: Run) -> Iterator[Finding]:
        yield Finding("The plain view is shown.")


def kill(*arguments: object) -> None:
    os.kill(os.getpid(), 9)


def fail(*arguments: object) -> None:
    raise KeyError("lost")


def nonsense(*arguments: object) -> str:
    return "nonsense"


def spoil(view: View, run: Run) -> None:
    run.frame["value"] = 0.0


def wander(view: View, run: Run) -> None:
    os.chdir("/")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("small")
    write_run(folder, [("gru", None)], seeds=1)
    return read(folder)


@pytest.fixture
def register() -> Iterator[Callable[[str, dict[str, Any]], None]]:
    """Register views as a plug-in file does."""
    names = []

    def add(name: str, members: dict[str, Any]) -> None:
        token = current_origin.set(Origin("file", "views.py", ""))
        VIEWS.register(name)(type("Odd", (Plain,), members))
        current_origin.reset(token)
        names.append(name)

    yield add
    for name in names:
        VIEWS.forget(name)


HARM: list[tuple[dict[str, Any], str]] = [
    ({"__init__": kill}, "it was killed by SIGKILL"),
    ({"__init__": fail}, "KeyError: 'lost'"),
    ({"shows": kill}, "it was killed by SIGKILL"),
    ({"table": kill}, "it was killed by SIGKILL"),
    ({"findings": lambda view, run: os._exit(0)}, "it ended with exit code 0"),
    ({"pairs": fail}, "KeyError: 'lost'"),
    ({"pairs": nonsense}, "AttributeError: 'str' object has no attribute"),
    ({"columns": nonsense}, "TypeError: `columns` must yield Column, and yields a str"),
    ({"table": nonsense}, "AttributeError: 'str' object has no attribute"),
    ({"findings": nonsense}, "AttributeError: 'str' object has no attribute"),
    ({"order": "first"}, "TypeError: '<' not supported between instances"),
    ({"table": spoil}, "ValueError: it changes the run's `frame`"),
    ({"table": wander}, "ValueError: it changes the working directory"),
]


def test_each_is_left_out_with_its_reason(small: Run, register: Callable[[str, dict[str, Any]], None]) -> None:
    plain = contents(small)
    for place, (members, _) in enumerate(HARM):
        register(f"odd_{place:02}", members)
    register("zz_plain", {})
    before, folder = small.frame.copy(), os.getcwd()
    found = contents(small)
    assert small.frame.equals(before)
    assert os.getcwd() == folder
    assert [section.name for section in found.sections] == [*(each.name for each in plain.sections), "zz_plain"]
    assert [each.table is None for each in found.sections[:-1]] == [each.table is None for each in plain.sections]
    assert found.findings == [*plain.findings, Finding("The plain view is shown.")]
    assert len(found.mistakes) == len(HARM)
    for place, (_, reason) in enumerate(HARM):
        assert found.mistakes[place].startswith(f"the view odd_{place:02} is left out: {reason}")
    assert "the view odd_00 is left out: it was killed by SIGKILL" in html(found, {})


def test_a_view_has_a_time_limit(
    small: Run, register: Callable[[str, dict[str, Any]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsal, "SECONDS", 0.2)
    register("endless", {"table": lambda view, run: time.sleep(100)})
    assert rehearsal.left_out(small) == {"endless": "it did not end within 0.2 seconds"}


def test_a_view_that_raises_in_one_part_shows_the_others(
    small: Run, register: Callable[[str, dict[str, Any]], None]
) -> None:
    register("half", {"table": fail, "columns": fail})
    found = contents(small)
    assert found.mistakes == ["the view half failed: KeyError: 'lost'"] * 2
    assert Finding("The plain view is shown.") in found.findings


def test_without_views_of_plugins_no_process_is_started(small: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    assert rehearsal.left_out(small) == {}


def test_a_view_may_use_functions_that_cannot_leave_their_process(
    small: Run, register: Callable[[str, dict[str, Any]], None]
) -> None:
    def table(view: View, run: Run) -> Table:
        rows = run.trials[["mechanism"]].drop_duplicates().set_index("mechanism", drop=False)
        column = Column.of("named", rows, "mechanism", form=lambda number: f"{number:.9f}")
        return Table("Names of mechanisms.", [column], rows)

    register("local", {"table": table})
    found = contents(small)
    assert found.mistakes == []
    assert found.sections[-1].table is not None
