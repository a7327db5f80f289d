from __future__ import annotations

from ..analysis.run import Run
from .figure import Lines
from .gradient_flow import CAPTION, profile_lines
from .view import VIEWS, View


@VIEWS.register("gradient_flow_trained")
class GradientFlowTrainedView(View):
    """Gradient flow over distance in trained networks."""

    title = "Gradient flow after training"
    needs = ("gradient_norm",)
    order = 61

    def figure(self, run: Run) -> Lines | None:
        return profile_lines(
            run, "trained", CAPTION + "After training on the task: which positions the trained network uses."
        )
