"""Normalizers: from scores to weights. One file each."""

from .normalizer import NORMALIZERS, Normalizer

__all__ = ["NORMALIZERS", "Normalizer"]
