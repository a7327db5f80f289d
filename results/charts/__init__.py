"""How figures are drawn: lines, a heat map or a scatter plot, all in one theme."""

from .draw import draw

__all__ = ["draw"]
