"""A figure with the data it shows, and how both are written."""

from __future__ import annotations

import io
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Drawing:
    """A figure called `name`; `data` holds exactly what is drawn; `reading` tells how to read it."""

    name: str
    title: str
    reading: str
    figure: Figure
    data: pd.DataFrame


def canvas(width: float, height: float) -> Figure:
    """Return an empty figure of that size in inches; it belongs to no pyplot window manager."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def save(drawing: Drawing, folder: Path) -> None:
    """Write the figure as PDF, SVG and PNG, and its data as CSV, each file replaced as a whole."""
    with themed():
        settle(drawing.figure)
        for kind in ("pdf", "svg", "png"):
            write_bytes(folder / f"{drawing.name}.{kind}", _rendered(drawing.figure, kind))
    write_text(folder / f"{drawing.name}.csv", drawing.data.to_csv(index=False, lineterminator="\n"))


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
