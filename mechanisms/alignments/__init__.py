"""Alignments: the score of a query and a key. One file each.

The contract is Alignment in alignment.py, or HistoryAlignment in history.py.
`make new NAME=my_score` starts one of your own in plugins/.
"""

from typing import TYPE_CHECKING

from registry import moved

from .alignment import ALIGNMENTS, Alignment, InnerProduct, PairPositions, PredictedWindow
from .history import AttentionHistory, HistoryAlignment

__all__ = [
    "ALIGNMENTS",
    "Alignment",
    "AttentionHistory",
    "HistoryAlignment",
    "InnerProduct",
    "PairPositions",
    "PredictedWindow",
]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name
    __getattr__ = moved(
        __name__,
        {
            "Focus": f"{__name__}.PredictedWindow",
            "History": f"{__name__}.AttentionHistory",
            "Place": f"{__name__}.PairPositions",
        },
    )
