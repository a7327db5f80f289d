"""Each check of views rejects a view with the fault that it looks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from registry import CheckError
from results.analysis.run import Run
from results.conformance import view as checks
from results.views import Axis, Column, Finding, Lines, Table, View


class Good(View):
    title = "Loss"
    needs = ("loss",)

    def rows(self, run: Run) -> Any:
        rows = run.frame[(run.frame["quantity"] == "loss") & (run.frame["stage"] == "test")]
        return rows.groupby(["mechanism", "task", "length"], as_index=False)["value"].mean()

    def table(self, run: Run) -> Table | None:
        rows = self.rows(run)
        return Table("The loss.", [Column.of(name, rows, name) for name in ("mechanism", "task", "value")], rows)

    def figure(self, run: Run) -> Lines | None:
        rows = self.rows(run)
        if rows.empty:
            return None
        x, y = Axis("length", "length"), Axis("value", "loss")
        return Lines("The loss.", rows, x, y, {task: task for task in run.tasks})

    def findings(self, run: Run) -> Iterator[Finding]:
        yield Finding("There is a loss.")


def test_a_good_view_passes() -> None:
    for check in checks.CHECKS:
        check(Good)


class Untitled(Good):
    title = ""


class NeedsAWord(Good):
    needs = "loss"  # type: ignore[assignment]


class NeedsSomethingElse(Good):
    needs = ("accuracy",)

    def findings(self, run: Run) -> Iterator[Finding]:
        return iter(())

    def table(self, run: Run) -> Table | None:
        return None


class WithoutCaption(Good):
    def table(self, run: Run) -> Table | None:
        rows = self.rows(run)
        return Table("", [Column.of("mechanism", rows, "mechanism")], rows)


class TwoLengths(Good):
    def table(self, run: Run) -> Table | None:
        rows = self.rows(run)
        return Table("The loss.", [Column.of("a", rows, "value"), Column.of("b", rows.iloc[:1], "value")], rows)


class Wide(Good):
    def table(self, run: Run) -> Table | None:
        rows = self.rows(run).pivot(index=["mechanism", "length"], columns="task", values="value").reset_index()
        return Table("The loss.", [Column.of("mechanism", rows, "mechanism")], rows)


class Backwards(Good):
    def table(self, run: Run) -> Table | None:
        rows = self.rows(run).assign(low=1.0, high=0.0)
        return Table("The loss.", [Column.of("loss", rows, "value", low="low", high="high")], rows)


class WithoutAColumn(Good):
    def figure(self, run: Run) -> Lines | None:
        x, y = Axis("step", "step"), Axis("value", "loss")
        return Lines("The loss.", self.rows(run), x, y, {task: task for task in run.tasks})


class Strangers(Good):
    def figure(self, run: Run) -> Lines | None:
        x, y = Axis("length", "length"), Axis("value", "loss")
        return Lines("The loss.", self.rows(run).assign(mechanism="other"), x, y, {task: task for task in run.tasks})


class Fragment(Good):
    def findings(self, run: Run) -> Iterator[Finding]:
        yield Finding("no full stop")


class IndexedByNumber(Good):
    def columns(self, run: Run) -> Iterator[Column]:
        yield Column.of("loss", self.rows(run), "value")


class Writing(Good):
    def findings(self, run: Run) -> Iterator[Finding]:
        run.frame["mine"] = 1
        yield Finding("The run has a new column.")


class Counting(Good):
    calls = 0

    def findings(self, run: Run) -> Iterator[Finding]:
        Counting.calls += 1
        yield Finding(f"This is call {Counting.calls}.")


class Trusting(Good):
    def findings(self, run: Run) -> Iterator[Finding]:
        yield Finding(f"The first loss is {self.rows(run)['value'].iloc[0]}.")


class ByTaskName(Good):
    def table(self, run: Run) -> Table | None:
        rows = self.rows(run)
        wide = rows.pivot_table(index="mechanism", columns="task", values="value").reset_index()
        if "value" not in wide:
            wide = wide.assign(value=0.0)
        return Table("The loss.", [Column.of("mechanism", wide, "mechanism")], wide)


FAULTS = {
    "constructs": [Untitled, NeedsAWord],
    "shows_what_it_needs": [NeedsSomethingElse],
    "table": [WithoutCaption, TwoLengths, Wide, Backwards],
    "figure": [WithoutAColumn, Strangers],
    "findings": [Fragment],
    "ranked_columns": [IndexedByNumber],
    "pure": [Writing, Counting],
    "without_results": [Trusting],
    "any_task_name": [ByTaskName],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in FAULTS.items() for value in values])
def test_each_fault_is_found(name: str, value: type[View]) -> None:
    check = next(check for check in checks.CHECKS if check.__name__ == name)
    with pytest.raises(CheckError):
        check(value)


def test_a_view_that_wrote_to_a_run_before_is_still_found() -> None:
    checks.findings(Writing)
    with pytest.raises(CheckError, match="changes the run's `frame`"):
        checks.pure(Writing)


def test_every_check_has_a_fault() -> None:
    assert set(FAULTS) == {check.__name__ for check in checks.CHECKS}
