"""How figures are made and written, with the data that they show."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..store.files import write_bytes, write_csv
from .theme import themed

DPI = 160
MOST_TIMES, LARGER = 6, 1.3  # a figure that is too small for its words is made larger
# No dates and no versions of what drew it: the same results give the same bytes.
METADATA: dict[str, Any] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}
PROVENANCE = {"pdf": "Subject", "svg": "Description", "png": "Description"}


class Picture(Figure):
    """A figure that shows itself in a notebook, whatever backend is chosen there.

    `families` are its fonts, and `missing` the characters that none of them has.
    """

    families: Sequence[str] = ()
    missing: str = ""

    def _repr_png_(self) -> bytes:
        with themed(self.families):
            return _rendered(self, "png")


def canvas(width: float, height: float) -> Picture:
    """Return an empty figure of that size in inches; it belongs to no pyplot window manager."""
    figure = Picture(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06))
    figure.families = tuple(mpl.rcParams["font.family"])
    FigureCanvasAgg(figure)
    return figure


def save(figure: Picture, data: pd.DataFrame, stem: Path, provenance: Sequence[str] = ()) -> None:
    """Write the figure as PDF, SVG and PNG, and its data as CSV, each file replaced as a whole.

    The lines of `provenance` are in the metadata of the drawings and above the data.
    """
    with themed(figure.families):
        settle(figure)
        for kind in ("pdf", "svg", "png"):
            write_bytes(stem.with_name(f"{stem.name}.{kind}"), _rendered(figure, kind, provenance))
    write_csv(stem.with_name(f"{stem.name}.csv"), data, provenance)


def settle(figure: Figure) -> None:
    """Work out the layout once and keep it: for three files, and for labels that are placed by where things are."""
    engine = figure.get_layout_engine()
    if engine is None:
        return
    for _ in range(MOST_TIMES):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="constrained_layout not applied")
            try:
                engine.execute(figure)
                break
            except UserWarning:
                # The words around the panels leave no room for them, such as those of a plug-in's axes.
                figure.set_size_inches(*(LARGER * figure.get_size_inches()))
    figure.set_layout_engine("none")


def _rendered(figure: Figure, kind: str, provenance: Sequence[str] = ()) -> bytes:
    """Return the bytes of the figure; unlike Figure.savefig, which would draw it twice, it draws it once."""
    buffer = io.BytesIO()
    metadata = METADATA[kind] | ({PROVENANCE[kind]: "; ".join(provenance)} if provenance else {})
    if kind == "pdf":
        FigureCanvasPdf(figure).print_pdf(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    elif kind == "svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    else:
        FigureCanvasAgg(figure).print_png(buffer, metadata=metadata)  # type: ignore[no-untyped-call]
    # The vector formats count in points and leave the figure so.
    figure.set_dpi(DPI)
    return buffer.getvalue()
