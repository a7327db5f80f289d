"""Score, mask, normalise, read: attention, alone and in several heads."""

from .attention import Attention, traced
from .masks import CAUSAL, FULL, Mask, padding, sliding
from .multi_head import MultiHeadAttention
from .state import State, state_bytes, state_tensors

__all__ = [
    "CAUSAL",
    "FULL",
    "Attention",
    "Mask",
    "MultiHeadAttention",
    "State",
    "padding",
    "sliding",
    "state_bytes",
    "state_tensors",
    "traced",
]
