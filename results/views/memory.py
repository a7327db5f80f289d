"""Peak memory of a training step and the state carried while decoding, against length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..analysis.run import Results
from ..analysis.scaling import BYTES, exponents, speeds

if TYPE_CHECKING:
    from ..charts.files import Drawing

MEGABYTE = 1e6
TITLES = {"peak_memory": "peak of training", "state": "decoding state"}
READING = (
    "Megabytes (10^6 bytes) against the length of the sequence, both on logarithmic scales: the most that a training "
    "step allocates, and what must be kept for each sequence that is being decoded. The legend gives the exponents: "
    "0 means that memory does not depend on the length, 1 that it grows in proportion, 2 with its square."
)


def figure(results: Results) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

    data = speeds(results.frame)
    data = data[data["quantity"].isin(BYTES) & (data["value"] > 0)]
    if data.empty:
        return None
    data = data.assign(value=data["value"] / MEGABYTE, unit="MB").drop(columns=["low", "high"])
    fitted = exponents(results.frame).set_index(["mechanism", "quantity"])["exponent"]
    rows = {quantity: TITLES[quantity] for quantity in BYTES if (data["quantity"] == quantity).any()}

    def note(mechanism: str) -> str:
        found = [fitted.get((mechanism, quantity)) for quantity in rows]
        # Adding zero turns a rounded -0.00 into 0.00.
        shown = ["-" if value is None or value != value else f"{round(value, 2) + 0.0:.2f}" for value in found]
        return "   " + " / ".join(shown)

    title = f"exponents: {' / '.join(rows.values())}"
    labels: dict[str, Any] = {"x": "length", "x_label": "length (positions)", "y_label": "megabytes"}
    shape: dict[str, Any] = {"log_x": True, "log_y": True, "markers": True}
    drawn, _ = grid(results, Panels(data, "quantity", rows, note=note, legend_title=title, **labels, **shape))
    return Drawing("memory", "Memory against length", READING, drawn, data.reset_index(drop=True))
