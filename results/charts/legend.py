"""The legend of mechanisms below their panel: one entry below another, long names in several lines."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .looks import Look
from .words import beside, lines, wrap

SIZE = 8.5  # points, as the theme says
HANDLE = 1.1  # inches: what is before an entry's text
ENTRY, LINE = 0.19, 0.18  # inches: an entry, and each further line of it
WIDEST = 3.2  # inches: a longer name is broken


def entries(names: Mapping[str, str], notes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what the legend says of each mechanism: its short name in lines, and its note."""
    return {name: beside(wrap(short, WIDEST, SIZE), (notes or {}).get(name, "")) for name, short in names.items()}


def height(texts: Mapping[str, str], title: str | None = None) -> float:
    """Return the inches of a legend."""
    further = sum(lines(text) - 1 for text in texts.values())
    return ENTRY * (len(texts) + (2 if title else 1)) + LINE * further


def legend(
    ax: Axes,
    texts: Mapping[str, str],
    look: Mapping[str, Look],
    *,
    markers: bool,
    dashes: bool = True,
    title: str | None = None,
) -> None:
    """Draw the legend in place of a panel."""
    ax.set_axis_off()
    handles = [
        Line2D(
            [],
            [],
            color=look[name].colour,
            marker=look[name].marker if markers else "",
            linestyle=look[name].dashes if dashes else "",
            label=text,
        )
        for name, text in texts.items()
    ]
    made = ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0,
        title=title,
        alignment="left",
        handlelength=3,
    )
    # The figure is made wide enough for it; otherwise the panels above would become narrower.
    made.set_in_layout(False)
