"""Alignment functions: how well a query and a key match. One file each."""

from .alignment import ALIGNMENTS, Alignment, Focus, InnerProduct, Place
from .history import History, HistoryAlignment

__all__ = ["ALIGNMENTS", "Alignment", "Focus", "History", "HistoryAlignment", "InnerProduct", "Place"]
