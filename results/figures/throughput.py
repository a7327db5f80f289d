"""Tokens per second against length: training, prefill and decoding."""

from __future__ import annotations

from typing import Any

from ..run import Results
from ..scaling import TIMES, exponents, speeds
from .drawing import Drawing
from .facets import Panels, grid

TITLES = {"train": "training step", "prefill": "prefill", "decode": "decoding"}
READING = (
    "Tokens per second (higher is faster) against the length of the sequence, both on logarithmic scales: of a whole "
    "training step (forward, backward, optimiser), of reading a sequence (prefill), and of generating one position "
    "after another (decoding). Points are medians of repeated timings, bands their quartiles. The legend gives the "
    "exponents of time: 1 means that twice the length takes twice the time, 2 that it takes four times."
)


def figure(results: Results) -> Drawing | None:
    data = speeds(results.frame)
    data = data[data["quantity"].isin(TIMES)]
    if data.empty:
        return None
    fitted = exponents(results.frame).set_index(["mechanism", "quantity"])["exponent"]
    rows = {quantity: TITLES[quantity] for quantity in TIMES if (data["quantity"] == quantity).any()}

    def note(mechanism: str) -> str:
        found = [fitted.get((mechanism, quantity)) for quantity in rows]
        return "   " + " / ".join("-" if value is None or value != value else f"{value:.2f}" for value in found)

    title = f"exponents of time: {' / '.join(rows)}"
    labels: dict[str, Any] = {"x": "length", "x_label": "length (positions)", "y_label": "tokens per second"}
    shape: dict[str, Any] = {"log_x": True, "log_y": True, "markers": True}
    drawn, _ = grid(results, Panels(data, "quantity", rows, note=note, legend_title=title, **labels, **shape))
    data = data.merge(fitted.reset_index(), on=["mechanism", "quantity"], how="left")
    return Drawing("throughput", "Throughput against length", READING, drawn, data.reset_index(drop=True))
