"""Does with the view of each plug-in all that a report does, in a process of its own, which may take harm from it."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from registry.isolation import SECONDS, Apart, ApartError

from ..analysis.run import Run
from ..views import VIEWS, Column, View
from ..views.claims import differences
from ..views.view import shown
from .contents import Contents, section_of
from .html import write_files
from .terminal import show

FRAMES = ("trials", "frame", "all_trials", "rates")


def left_out(run: Run) -> dict[str, str]:
    """Return the reason for each view of a plug-in that cannot be shown, by name: it would harm the report."""
    found, entries = {}, VIEWS.plugins()
    if entries:
        preload()
    for entry in entries:
        try:
            Apart(SECONDS).run(lambda name=entry.name: _rehearse(name, run))  # type: ignore[misc]
        except ApartError as error:
            found[entry.name] = str(error)
    return found


def preload() -> None:
    """Import what a report needs, which takes seconds, once and not in each process."""
    for module in ("jinja2", "results.charts"):
        importlib.import_module(module)


def _rehearse(name: str, run: Run) -> None:
    """Write a report of the view, and of the ranking if that has columns of it. Raises an exception if it fails."""
    before = {frame: getattr(run, frame).copy() for frame in FRAMES}
    folder = os.getcwd()
    # Each view is rehearsed without the others that may do harm.
    alone = replace(run, left_out={entry.name: "" for entry in VIEWS.plugins() if entry.name != name})
    views = shown(alone)
    if name in views:
        _check_for_others(views[name], alone)
        found = Contents(alone, [section_of(name, views[name], alone)])
        with TemporaryDirectory() as place:
            write_files(found, Path(place))
        show(found, Console(file=io.StringIO()))
    changed = [frame for frame, value in before.items() if not value.equals(getattr(run, frame))]
    if changed:
        raise ValueError(f"it changes the run's `{changed[0]}`; copy a frame before writing to it")
    if os.getcwd() != folder:
        raise ValueError("it changes the working directory")


def _check_for_others(view: View, run: Run) -> None:
    """Do what other views do with one: the ranking shows its columns, and every comparison counts its pairs."""
    if type(view).pairs is not View.pairs:
        differences(run)
    if type(view).columns is View.columns:
        return
    try:
        columns: Iterable[object] = list(view.columns(run))
    except Exception:
        return  # the report names it
    for column in columns:
        if not isinstance(column, Column):
            raise TypeError(f"`columns` must yield Column, and yields a {type(column).__name__}")
    VIEWS["ranking"]().table(run)
