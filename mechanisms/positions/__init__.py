"""Position schemes: how a model that mixes sets learns about order. One file each."""

from .position import POSITIONS, Position

__all__ = ["POSITIONS", "Position"]
