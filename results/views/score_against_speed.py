from __future__ import annotations

import pandas as pd

from ..analysis.run import Run
from ..analysis.scaling import common_length, speeds
from .figure import Axis, Scatter
from .view import VIEWS, View

CAPTION = (
    "Score over all tasks (1: perfect, 0: chance) against tokens per second of training, at the largest length at "
    "which all mechanisms were timed: up and to the right is better. Each panel names one family and shows the others "
    "in grey. Bars: 95 % intervals from five seeds on, below that from every task's worst seed to its best."
)


@VIEWS.register("score_against_speed")
class ScoreAgainstSpeedView(View):
    """The score over all tasks against the speed of training."""

    title = "Score against speed"
    needs = ("normalised", "train")
    order = 20

    def figure(self, run: Run) -> Scatter | None:
        data = points(run)
        if len(data) < 2:
            return None
        label = f"training tokens per second, length {data['length'].iloc[0]}"
        limits = min(-0.08, float(data["low"].min()) - 0.05), 1.12
        return Scatter(
            CAPTION, data, Axis("tokens", label, log=True), Axis("score", "score over all tasks", limits=limits)
        )


def points(run: Run) -> pd.DataFrame:
    """Return mechanism, tokens (per second of training), length, score, low and high, of those that have both."""
    scores = run.ranking.mechanisms[["mechanism", "score", "low", "high"]]
    times = speeds(run, ("train",))
    at = times[times["length"] == common_length(run)].rename(columns={"value": "tokens"})
    found = scores.merge(at[["mechanism", "tokens", "length"]], on="mechanism").dropna(subset=["tokens", "score"])
    return found[["mechanism", "tokens", "length", "score", "low", "high"]].reset_index(drop=True)
