"""The checks of a view."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from registry import CheckError

from ..analysis.run import Run
from ..views.figure import Figure, Heatmap, Lines, Maps, Scatter
from ..views.table import Column, Table
from ..views.view import Finding, View
from .example import MECHANISMS, TASKS, example_run

# Names that columns of the project's own frames have: a task may be called so.
ODD_TASKS = ("score", "mechanism", "value", "length", "rank", "all tasks")


def constructs(value: type[View]) -> None:
    """It can be built without arguments, has a title, and needs a tuple of quantities."""
    view = value()
    if not isinstance(getattr(view, "title", None), str) or not view.title.strip():
        raise CheckError("the view has no title; set the class attribute `title` to a few words")
    if not isinstance(view.needs, tuple) or not all(isinstance(name, str) for name in view.needs):
        raise CheckError(f"`needs` must be a tuple of names of quantities, and is {view.needs!r}; is a comma missing?")


def shows_what_it_needs(value: type[View]) -> None:
    """Of a run that has what it needs it shows a table, a figure, a finding or a column."""
    view, run = value(), _run(value)
    if value.needs and not any((view.table(run), view.figure(run), list(view.findings(run)), list(view.columns(run)))):
        raise CheckError(f"nothing is shown of a run that has {', '.join(value.needs)}: are `needs` those it reads?")


def table(value: type[View]) -> None:
    """The table has a caption and columns of one length, and its numbers are in long form."""
    found = value().table(_run(value))
    if found is None:
        return
    if not isinstance(found, Table):
        raise CheckError(f"`table` must return a Table or None, and returns a {type(found).__name__}")
    _needs_caption("table", found.caption)
    lengths = {column.heading: len(column.numbers) for column in found.columns}
    if len(set(lengths.values())) > 1:
        raise CheckError(f"the columns of the table have different numbers of rows: {lengths}")
    if len(lengths) < len(found.columns):
        raise CheckError(f"two columns of the table have one heading: {', '.join(found.headings)}")
    for column in found.columns:
        _interval(f"the column '{column.heading}'", column.numbers)
    _long("the table's numbers", found.numbers)
    found.rows()


def figure(value: type[View]) -> None:
    """The figure has a caption and the data that its encoding names, and can be drawn."""
    run = _run(value)
    found = value().figure(run)
    if found is None:
        return
    if not isinstance(found, Lines | Heatmap | Scatter | Maps):
        raise CheckError(
            f"`figure` must return Lines, a Heatmap, a Scatter, Maps or None, not a {type(found).__name__}"
        )
    _needs_caption("figure", found.caption)
    missing = [name for name in _encoded(found) if name not in found.data]
    if missing:
        raise CheckError(
            f"the figure's data has no column {', '.join(missing)}, only {', '.join(map(str, found.data))}"
        )
    strangers = set(found.data["mechanism"]) - set(run.mechanisms)
    if strangers:
        raise CheckError(f"the figure's data names mechanisms that the run does not have: {', '.join(strangers)}")
    _long("the figure's data", found.data)
    from ..charts import draw

    draw(found, run)


def findings(value: type[View]) -> None:
    """Findings are sentences that end with a full stop."""
    for found in value().findings(_run(value)):
        if not isinstance(found, Finding):
            raise CheckError(f"`findings` must yield Finding, and yields a {type(found).__name__}")
        if not found.text.strip().endswith("."):
            raise CheckError(f"a finding is a sentence with a full stop, and one is {found.text!r}")


def ranked_columns(value: type[View]) -> None:
    """The columns for the ranked table are indexed by the label of the mechanism."""
    run = _run(value)
    for column in value().columns(run):
        if not isinstance(column, Column):
            raise CheckError(f"`columns` must yield Column, and yields a {type(column).__name__}")
        index = pd.Index(column.numbers.index)
        if not index.isin(run.mechanisms).all() or index.has_duplicates:
            raise CheckError(
                f"the rows of the column '{column.heading}' must be indexed by mechanism, each at most once"
            )


def pure(value: type[View]) -> None:
    """It gives the same twice, and does not change the run."""
    # A run of its own, since a view that writes to one may have done so in the checks before.
    run = example_run.__wrapped__(value.needs)
    before = {name: getattr(run, name).copy() for name in ("trials", "frame", "all_trials", "rates")}
    first, second = _all(value, run), _all(value, run)
    for name, frame in before.items():
        if not frame.equals(getattr(run, name)):
            raise CheckError(f"the view changes the run's `{name}`; copy a frame before writing to it")
    if first != second:
        raise CheckError("the view gives something else at the second call; is something random or kept between calls?")


def without_results(value: type[View]) -> None:
    """It copes with a run of which nothing has ended, and with one that has no trials."""
    for what, run in {
        "of which nothing has ended": example_run(value.needs, ended=False),
        "without tasks": example_run(value.needs, ()),
    }.items():
        try:
            _all(value, run)
        except Exception as error:
            raise CheckError(
                f"a run {what} makes it raise {type(error).__name__}: {error}; return None there"
            ) from None


def any_task_name(value: type[View]) -> None:
    """A task may have any name, such as that of a column, and the numbers stay the same."""
    usual = tuple(f"task_{place}" for place in range(len(ODD_TASKS)))
    plain = _numbers(value, example_run(value.needs, usual, seeds=2))
    try:
        odd = _numbers(value, example_run(value.needs, ODD_TASKS, seeds=2))
    except Exception as error:
        names = ", ".join(ODD_TASKS)
        raise CheckError(f"tasks called {names} make it raise {type(error).__name__}: {error}") from None
    if plain != odd:
        raise CheckError(f"tasks called {', '.join(ODD_TASKS)} change its numbers: is a column named after a task?")


CHECKS = (
    constructs,
    shows_what_it_needs,
    table,
    figure,
    findings,
    ranked_columns,
    pure,
    without_results,
    any_task_name,
)


def _run(value: type[View]) -> Run:
    return example_run(value.needs)


def _all(value: type[View], run: Run) -> list[Any]:
    """Return all that the view has, as plain values."""
    view = value()
    table, figure = view.table(run), view.figure(run)
    columns = [(column.heading, column.numbers.to_csv()) for column in view.columns(run)]
    shown = None if table is None else (table.caption, table.headings, table.rows(), table.numbers.to_csv())
    drawn = None if figure is None else (figure.caption, figure.data.to_csv())
    return [shown, drawn, list(view.findings(run)), columns]


def _numbers(value: type[View], run: Run) -> list[list[float]]:
    view = value()
    found = view.table(run), view.figure(run)
    frames = [found[0].numbers if found[0] else None, found[1].data if found[1] else None]
    return [sorted(frame["value"].dropna()) for frame in frames if frame is not None and "value" in frame]


def _encoded(figure: Figure) -> Iterable[str]:
    yield "mechanism"
    if isinstance(figure, Heatmap):
        yield from (figure.column, "value", "shown")
        return
    if isinstance(figure, Maps):
        yield from (figure.panel, "query", "key", "query_word", "key_word", "value", "linked")
        return
    yield from (figure.x.column, figure.y.column)
    if isinstance(figure, Scatter):
        yield from ("low", "high")
    else:
        yield figure.panel
        yield from (figure.unit,) if figure.unit else ()


def _needs_caption(what: str, caption: str) -> None:
    if not isinstance(caption, str) or not caption.strip().endswith("."):
        raise CheckError(f"the {what}'s caption must tell in sentences how to read it, and is {caption!r}")


def _interval(what: str, numbers: pd.DataFrame) -> None:
    if "low" in numbers and "high" in numbers:
        rows = numbers[["low", "high"]].astype(float).dropna()
        if (rows["low"] > rows["high"]).any():
            raise CheckError(f"{what} has an interval that ends before it begins")


def _long(what: str, frame: pd.DataFrame) -> None:
    names = {*TASKS, *(alignment or model for model, alignment in MECHANISMS)}
    named = [str(column) for column in frame.columns if str(column) in names]
    if named:
        raise CheckError(f"{what} has columns named after tasks or mechanisms: {', '.join(named)}; make them rows")
