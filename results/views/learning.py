from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from ..analysis.run import Run
from ..analysis.scores import NO_SCORE_MEANS
from ..analysis.selection import windows
from ..store.formats import count, rate
from .figure import Axis, Lines, panels_of, score_axis
from .table import Column, Table
from .view import VIEWS, View

CAPTION = (
    "The score on validation data (1: perfect, 0: chance) during training, at the learning rate picked for each "
    "mechanism and task. Thin lines are single seeds, the thick line is their mean, as far as all seeds were trained: "
    "a run that solves its task, or diverges, ends early. " + NO_SCORE_MEANS
)
TABLE_CAPTION = (
    "The learning rate that did best on validation data, the range of rates tried that came within five points of it "
    "(the wider, the easier the mechanism is to train), and the steps trained at that rate (the median over seeds)."
)


@VIEWS.register("learning")
class LearningView(View):
    """The validation score during training, the learning rates, and the steps to solve."""

    title = "Learning"
    needs = ("normalised", "steps", "steps_to_solve")
    order = 30

    def table(self, run: Run) -> Table | None:
        rows = windows(run.rates)
        steps = run.frame[(run.frame["quantity"] == "steps") & run.frame["stage"].isna()]
        trained = steps.groupby(["mechanism", "task"])["value"].median().rename("steps").reset_index()
        rows = rows.merge(trained, on=["mechanism", "task"], how="left")
        if rows.empty:
            return None
        columns = [
            Column.of("mechanism", rows, "mechanism"),
            Column.of("task", rows, "task"),
            Column.of("learning rate", rows, "learning_rate", rate),
            Column.of("as good from", rows, "low", rate),
            Column.of("as good to", rows, "high", rate),
            Column.of("steps trained", rows, "steps", count),
        ]
        return Table(TABLE_CAPTION, columns, run.rates.merge(trained, on=["mechanism", "task"], how="left"))

    def figure(self, run: Run) -> Lines | None:
        data = curves(run.frame[run.frame["ladder"].isna()])
        if data.empty:
            return None
        x, y = Axis("step", "training step"), score_axis(data, "validation score")
        return Lines(CAPTION, data, x, y, panels_of(run.tasks, data), unit="seed")

    def columns(self, run: Run) -> Iterator[Column]:
        rows = run.ranking.mechanisms.set_index("mechanism")
        some = (rows["solved"] > 0) & (rows["solved"] < 1)
        words = rows["solved"].map(lambda share: f"{share:.0%}").where(some, "")
        rows = rows.assign(words=words.mask(rows["solved"] == 0, "never"))
        yield Column.of("steps to solve", rows, "steps_to_solve", count, 6, words="words")


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, task, seed ("0", "1" ... and "mean"), step and value."""
    rows = frame[(frame["quantity"] == "normalised") & (frame["stage"] == "validation")].dropna(subset=["value"])
    return with_mean(rows, ["task"])


def with_mean(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """Return mechanism, `key`, seed ("0", "1" ... and "mean"), step and value; the mean ends with the first seed."""
    order = [*key, "mechanism", "seed", "step"]
    rows, key = rows[[*order, "value"]].sort_values(order), ["mechanism", *key]
    seeds = rows.groupby(key)["seed"].nunique().rename("seeds").reset_index()
    mean = rows.groupby([*key, "step"])["value"].agg(["mean", "count"]).reset_index()
    mean = mean.merge(seeds, on=key)
    mean = mean[mean["count"] == mean["seeds"]].rename(columns={"mean": "value"}).assign(seed="mean")
    return pd.concat([rows.astype({"seed": "str"}), mean[rows.columns]], ignore_index=True)
