from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.intervals import over_seeds
from ..analysis.run import Run
from ..analysis.scaling import common_length
from ..store.formats import digits
from .figure import Lines
from .scaled import means_lines, means_table
from .table import Column, Table
from .view import VIEWS, View

SPEEDUP, CORES = "speedup", "cores"
CAPTION = (
    "Seconds of a training step with one thread, divided by its seconds with a thread for each core: 1 means that more "
    "cores do not help, and the number of cores is the most that can be expected. The mean over the rounds, with its "
    "interval where there are five or more, else from the lowest to the highest."
)


@VIEWS.register("speedup")
class SpeedupView(View):
    """How many times as fast a training step is on all cores as on one, against the length."""

    title = "Speed-up from one core to all"
    needs = (SPEEDUP, CORES)
    order = 74

    def table(self, run: Run) -> Table | None:
        means = _means(run)
        cores = run.frame[run.frame["quantity"] == CORES].groupby("mechanism")["value"].median().rename("cores")
        return means_table(CAPTION, means, digits(2), cores)

    def figure(self, run: Run) -> Lines | None:
        return means_lines(CAPTION, _means(run), run.quantities[SPEEDUP].title if SPEEDUP in run.measured else "")

    def columns(self, run: Run) -> Iterator[Column]:
        means, length = _means(run), common_length(run, SPEEDUP)
        at = means[means["length"] == length].set_index("mechanism")
        yield Column.of(f"speed-up at {length}", at, "value", digits(2), 0.5, low="low", high="high")


def _means(run: Run) -> pd.DataFrame:
    rows = run.frame[(run.frame["quantity"] == SPEEDUP) & run.frame["length"].notna()].dropna(subset=["value"])
    return over_seeds(rows, ["mechanism", "length"])
