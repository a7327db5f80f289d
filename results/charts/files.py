"""How figures are made and written, with the data that they show."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..store.files import write_bytes, write_text
from .theme import themed

DPI = 160
# No dates and no versions: the same results give the same bytes.
METADATA: dict[str, Any] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


class Picture(Figure):
    """A figure that shows itself in a notebook, whatever backend is chosen there."""

    def _repr_png_(self) -> bytes:
        with themed():
            return _rendered(self, "png")


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches; it belongs to no pyplot window manager."""
    figure = Picture(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, data: pd.DataFrame, stem: Path) -> None:
    """Write the figure as PDF, SVG and PNG, and its data as CSV, each file replaced as a whole."""
    with themed():
        settle(figure)
        for kind in ("pdf", "svg", "png"):
            write_bytes(stem.with_name(f"{stem.name}.{kind}"), _rendered(figure, kind))
    write_text(stem.with_name(f"{stem.name}.csv"), data.to_csv(index=False, lineterminator="\n"))


def settle(figure: Figure) -> None:
    """Work out the layout once and keep it: for three files, and for labels that are placed by where things are."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def _rendered(figure: Figure, kind: str) -> bytes:
    """Return the bytes of the figure; unlike Figure.savefig, which would draw it twice, it draws it once."""
    buffer = io.BytesIO()
    if kind == "pdf":
        FigureCanvasPdf(figure).print_pdf(buffer, metadata=METADATA[kind])  # type: ignore[no-untyped-call]
    elif kind == "svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata=METADATA[kind])  # type: ignore[no-untyped-call]
    else:
        FigureCanvasAgg(figure).print_png(buffer, metadata=METADATA[kind])  # type: ignore[no-untyped-call]
    # The vector formats count in points and leave the figure so.
    figure.set_dpi(DPI)
    return buffer.getvalue()
