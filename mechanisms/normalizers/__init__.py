"""Normalizers: they turn scores into attention weights. One file each.

The contract is Normalizer in normalizer.py.
`make new KIND=normalizer NAME=my_weights` starts one of your own in plugins/.
"""

from .normalizer import NORMALIZERS, Normalizer

__all__ = ["NORMALIZERS", "Normalizer"]
