from __future__ import annotations

import pandas as pd

from ..analysis.decay import decays, profiles
from ..analysis.run import Run
from ..store.formats import count, digits
from .figure import Axis, Lines
from .gradient_flow import FLOOR
from .table import Column, Table
from .view import VIEWS, View

QUANTITY = "layer_gradient_norm"
CAPTION = (
    "The norm of the gradient of each layer's parameters, divided by that of the last layer (1, on a logarithmic "
    "scale), at the greatest depth, before training. The loss is behind the last layer, so a line that falls to the "
    "left is a gradient that vanishes on its way to the first layer. f is one layer of the mechanism's mixing, and LN "
    "a layer normalisation. Bands are lowest to highest seed; a line ends where it falls below 1e-12, and is missing "
    "where the last layer has no gradient."
)
TABLE_CAPTION = (
    "The decay is the slope of the logarithm of the gradient norm from the last layer to the first (Theil-Sen, the "
    "mean over seeds with its interval), at the greatest depth: 0.1 means that the gradient loses a factor e every ten "
    "layers; a negative decay is growth. There is none where the line explains less than 0.9 of the variance. The "
    "horizon is how many layers before the last one 1 % of the gradient is left. The verdict is stable where all "
    "layers are between 1/100 and 100 times the last one, else vanishing or exploding where an exponential fits, else "
    "no exponential; it is none where the last layer has no gradient."
)


@VIEWS.register("gradient_flow_over_depth")
class GradientFlowOverDepthView(View):
    """The gradients of the layers of deep stacks, with and without residual connections and normalisation."""

    title = "Gradient flow over depth"
    needs = (QUANTITY,)
    order = 63

    def table(self, run: Run) -> Table | None:
        numbers = _sorted(decays(run.frame, QUANTITY), run)
        if numbers.empty:
            return None
        rows = _deepest(numbers)
        columns = [
            Column.of("mechanism", rows, "mechanism"),
            Column.of("wiring", rows, "wiring"),
            Column.of("depth", rows, "depth", count),
            Column.of("decay (nats/layer)", rows, "rate", digits(3), low="low", high="high"),
            Column.of("horizon (layers)", rows, "horizon", count, beyond="reach"),
            Column.of("verdict", rows, "verdict"),
        ]
        return Table(TABLE_CAPTION, columns, numbers)

    def figure(self, run: Run) -> Lines | None:
        data = profiles(run.frame, QUANTITY)
        if data.empty:
            return None
        data = _deepest(_sorted(data, run))
        data = data.assign(layer=data["depth"] - data["distance"], drawn=data["value"].where(data["value"] >= FLOOR))
        data[["low", "high"]] = data[["low", "high"]].clip(lower=FLOOR)
        limits = (min(0.3, float(data["drawn"].min())) / 2, max(3.0, float(data["drawn"].max())) * 2)
        x = Axis("layer", f"layer (of {int(data['depth'].max())})")
        y = Axis("drawn", "relative gradient norm", log=True, limits=limits)
        panels = {str(wiring): str(wiring) for wiring in pd.unique(data["wiring"])}
        return Lines(CAPTION, data, x, y, panels, panel="wiring")


def _deepest(rows: pd.DataFrame) -> pd.DataFrame:
    deepest: pd.DataFrame = rows[rows["depth"] == rows["depth"].max()]
    return deepest.reset_index(drop=True)


def _sorted(rows: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Sort by wiring and mechanism, in the order in which they were measured and planned."""
    measured = run.frame[run.frame["quantity"] == QUANTITY]
    wirings = list(pd.unique(measured["wiring"])) if "wiring" in measured else []
    order = {name: place for place, name in enumerate([*wirings, *run.mechanisms])}
    return rows.sort_values(
        ["depth", "wiring", "mechanism"],
        key=lambda column: column if column.name == "depth" else column.map(order),
        kind="stable",
        ignore_index=True,
    )
