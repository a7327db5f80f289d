"""Mechanisms: alignments, normalizers, position schemes, and the models that contain them."""

from typing import TYPE_CHECKING

from registry import Choice, moved

from .alignments import ALIGNMENTS, Alignment, AttentionHistory, HistoryAlignment, InnerProduct
from .attention import (
    CAUSAL,
    FULL,
    Attention,
    Mask,
    MultiHeadAttention,
    State,
    padding,
    sliding,
    state_bytes,
    state_tensors,
    traced,
)
from .compatibility import incompatibility
from .layers.decoders import DECODERS, Decoder
from .layers.recurrent import CELLS, Cell
from .layers.residual import NORMS, Residual
from .models import MODELS, SequenceModel
from .normalizers import NORMALIZERS, Normalizer
from .positions import POSITIONS, Position

__all__ = [
    "ALIGNMENTS",
    "CAUSAL",
    "CELLS",
    "DECODERS",
    "FULL",
    "MODELS",
    "NORMALIZERS",
    "NORMS",
    "POSITIONS",
    "Alignment",
    "Attention",
    "AttentionHistory",
    "Cell",
    "Choice",
    "Decoder",
    "HistoryAlignment",
    "InnerProduct",
    "Mask",
    "MultiHeadAttention",
    "Normalizer",
    "Position",
    "Residual",
    "SequenceModel",
    "State",
    "incompatibility",
    "padding",
    "sliding",
    "state_bytes",
    "state_tensors",
    "traced",
]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name
    __getattr__ = moved(__name__, {"refusal": "mechanisms.incompatibility", "History": "mechanisms.AttentionHistory"})
