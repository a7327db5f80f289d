"""Names beside the points of a scatter plot, placed so that they do not cover one another."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from registry.names import visible

SIZE = 8.5  # points
# Where a name may stand, in points from its point, best first; the far ones get a line to it.
NEAR = [(7, 0, "left"), (-7, 0, "right"), (0, 9, "center"), (0, -9, "center")]
FAR = [
    (across * side, up, "left" if side > 0 else "right")
    for up in (11, -11, 22, -22, 33, -33, 44, -44, 55, -55, 66, -66, -77, -88, -99, -110, -121, -132)
    for across, side in ((9, 1), (9, -1), (26, 1), (26, -1), (48, 1), (48, -1))
]


def place(ax: Axes, points: Sequence[tuple[float, float, str]]) -> list[Annotation]:
    """Name the points (x, y, name) one after another, each at the first place that is free.

    The layout of the figure must be final. Where no place is free, the one that covers least is taken.
    """
    taken = [_around(ax, x, y) for x, y, _ in points]
    made = []
    for x, y, name in sorted(points, key=lambda point: (-point[1], point[0])):
        boxes = _boxes(ax, x, y, name)
        _, best = min((_cost(ax, box, taken), index) for index, box in enumerate(boxes))
        made.append(_annotate(ax, x, y, name, [*NEAR, *FAR][best]))
        taken.append(boxes[best])
    return made


def _annotate(ax: Axes, x: float, y: float, name: str, where: tuple[float, float, str]) -> Annotation:
    dx, dy, side = where
    line = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.5, "shrinkA": 1, "shrinkB": 2}
    return ax.annotate(
        visible(name),
        (x, y),
        xytext=(dx, dy),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=SIZE,
        color="#222222",
        arrowprops=None if (dx, dy, side) in NEAR else line,
    )


def _boxes(ax: Axes, x: float, y: float, name: str) -> list[Bbox]:
    probe = _annotate(ax, x, y, name, NEAR[0])
    extent = probe.get_window_extent()
    probe.remove()
    px, py = ax.transData.transform((x, y))
    scale = ax.get_figure(root=True).dpi / 72  # type: ignore[union-attr]
    boxes = []
    for dx, dy, side in [*NEAR, *FAR]:
        left = px + dx * scale - {"left": 0.0, "center": 0.5, "right": 1.0}[side] * extent.width
        bottom = py + dy * scale - extent.height / 2
        boxes.append(Bbox.from_bounds(left, bottom, extent.width, extent.height))
    return boxes


def _around(ax: Axes, x: float, y: float) -> Bbox:
    px, py = ax.transData.transform((x, y))
    return Bbox.from_extents(px - 6, py - 6, px + 6, py + 6)


def _cost(ax: Axes, box: Bbox, taken: Sequence[Bbox]) -> float:
    covered = sum(_area(box, other) for other in taken)
    inside = ax.get_window_extent()
    # What sticks out of the panel counts double: it may be cut off.
    return covered + 2 * (box.width * box.height - _area(box, inside))


def _area(one: Bbox, other: Bbox) -> float:
    shared = Bbox.intersection(one, other)
    return 0.0 if shared is None else shared.width * shared.height
