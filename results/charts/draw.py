"""Draws what a view describes."""

from __future__ import annotations

from matplotlib.text import Text

from ..analysis.run import Run
from ..views.figure import Figure, Heatmap, Lines, Maps
from . import heatmap, lines, maps, scatter
from .files import Picture
from .fonts import fonts_for
from .theme import themed


def draw(figure: Figure, run: Run) -> Picture:
    """Return the drawing of a figure of the run, in the one theme, and in fonts that have its characters."""
    with themed():
        drawn = _draw(figure, run)
    fonts = fonts_for("".join(text.get_text() for text in drawn.findobj(Text)))
    if len(fonts.families) > 1:
        with themed(fonts.families):
            drawn = _draw(figure, run)
    drawn.missing = fonts.missing
    return drawn


def _draw(figure: Figure, run: Run) -> Picture:
    if isinstance(figure, Lines):
        return lines.draw(figure, run)
    if isinstance(figure, Maps):
        return maps.draw(figure, run)
    return heatmap.draw(figure, run) if isinstance(figure, Heatmap) else scatter.draw(figure, run)
