from __future__ import annotations

from ..analysis.intervals import over_seeds
from ..analysis.run import Run
from .figure import Axis, Lines
from .view import VIEWS, View

CAPTION = (
    "The share of answers that are right, by the distance from the query back to the last source position that "
    "explains the answer, in positions (source and query count as one sequence). A flat line means that the distance "
    "does not matter. Points are means over seeds; bands are 95 % intervals from five seeds on, below that lowest to "
    "highest seed."
)


@VIEWS.register("by_distance")
class ByDistanceView(View):
    """Accuracy against the distance to the position that explains the answer."""

    title = "Accuracy by distance"
    needs = ("accuracy_at_distance",)
    order = 50

    def figure(self, run: Run) -> Lines | None:
        frame = run.frame
        rows = frame[(frame["quantity"] == "accuracy_at_distance") & (frame["outcome"] == "ok")]
        rows = rows[rows["ladder"].isna()].dropna(subset=["value", "task", "length", "distance"])
        key = ["mechanism", "task", "length", "distance"]
        data = over_seeds(rows, key).sort_values(key, ignore_index=True)
        if data.empty:
            return None
        data["panel"] = data["task"] + " " + data["length"].astype(str)
        panels = {
            f"{task} {length}": f"{task}, length {length}"
            for task in run.tasks
            for length in sorted(data.loc[data["task"] == task, "length"].unique())
        }
        x, y = Axis("distance", "distance back (positions)"), Axis("value", "accuracy", limits=(-0.05, 1.05))
        return Lines(CAPTION, data, x, y, panels, panel="panel", markers=True)
