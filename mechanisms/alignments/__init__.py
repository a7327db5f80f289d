"""Alignment functions: how well a query and a key match. One file each."""

from .alignment import ALIGNMENTS, Alignment, InnerProduct

__all__ = ["ALIGNMENTS", "Alignment", "InnerProduct"]
