"""Alignments: how well a query and a key match. One file each.

The contract is Alignment in alignment.py, or HistoryAlignment in history.py.
`make new NAME=my_score` starts one of your own in plugins/.
"""

from .alignment import ALIGNMENTS, Alignment, Focus, InnerProduct, Place
from .history import History, HistoryAlignment

__all__ = ["ALIGNMENTS", "Alignment", "Focus", "History", "HistoryAlignment", "InnerProduct", "Place"]
