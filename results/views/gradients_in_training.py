from __future__ import annotations

import pandas as pd

from ..analysis.run import Run
from .figure import Axis, Lines
from .learning import with_mean
from .view import VIEWS, View

QUANTITY = "training_gradient_norm"
CAPTION = (
    "The norm of the gradient of each part of the network during training, on a logarithmic scale, before clipping, at "
    "the last step before each evaluation. Layer 1 is the one nearest to the input. Thin lines are single seeds, the "
    "thick line is their mean, as far as all seeds were trained. A part that learns nothing has a line far below the "
    "others; a rise towards the end of training is an instability."
)


@VIEWS.register("gradients_in_training")
class GradientsInTrainingView(View):
    """The gradient norms of the parts of a network over the steps of training."""

    title = "Gradients during training"
    needs = (QUANTITY,)
    order = 64

    def figure(self, run: Run) -> Lines | None:
        rows = run.frame[run.frame["quantity"] == QUANTITY]
        if "part" not in rows:
            return None
        rows = rows[(rows["value"] > 0) & rows["part"].notna() & rows["step"].notna()]
        if rows.empty:
            return None
        data = with_mean(rows, ["task", "part"]).reset_index(drop=True)
        data = data.assign(panel=data["task"] + " " + data["part"])
        ordered = sorted(pd.unique(rows["part"]), key=lambda part: (PLACES.get(part, 1), part))
        panels = {f"{task} {part}": f"{task}, {part}" for task in run.tasks for part in ordered}
        panels = {panel: title for panel, title in panels.items() if (data["panel"] == panel).any()}
        y = Axis("value", "gradient norm", log=True)
        return Lines(CAPTION, data, Axis("step", "training step"), y, panels, panel="panel", unit="seed")


PLACES = {"embedding": 0, "norm": 2, "readout": 3}
"""Where a part stands between input and output; all others are between embedding and norm."""
