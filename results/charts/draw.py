"""Draws what a view describes."""

from __future__ import annotations

from matplotlib.figure import Figure as Drawing

from ..analysis.run import Run
from ..views.figure import Figure, Heatmap, Lines, Maps
from . import heatmap, lines, maps, scatter
from .theme import themed


def draw(figure: Figure, run: Run) -> Drawing:
    """Return the drawing of a figure of the run, in the one theme."""
    with themed():
        if isinstance(figure, Lines):
            return lines.draw(figure, run)
        if isinstance(figure, Maps):
            return maps.draw(figure, run)
        return heatmap.draw(figure, run) if isinstance(figure, Heatmap) else scatter.draw(figure, run)
