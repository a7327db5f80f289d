"""Views: what a report shows, one measured thing a file, with its table, its figure, its findings, its ranked columns.

The contract is View in view.py. `make new KIND=view NAME=my_view` makes one.
"""

from .figure import Axis, Figure, Heatmap, Lines, Maps, Scatter
from .table import Column, Table
from .view import VIEWS, Finding, View

__all__ = ["VIEWS", "Axis", "Column", "Figure", "Finding", "Heatmap", "Lines", "Maps", "Scatter", "Table", "View"]
