"""Position schemes: they encode positions for a model that does not depend on order. One file each.

The contract is Position in position.py.
`make new KIND=position NAME=my_scheme` starts one of your own in plugins/.
"""

from .position import POSITIONS, Position

__all__ = ["POSITIONS", "Position"]
