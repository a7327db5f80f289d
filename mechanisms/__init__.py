"""How sequences are mixed: alignments, normalizers, positions, and the models that hold them."""

from registry import Choice, build, hyperparameters

from .alignments import ALIGNMENTS, Alignment, History, HistoryAlignment, InnerProduct
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
from .compatibility import PARTS, incompatibility, slots
from .models import MODELS, SequenceModel
from .normalizers import NORMALIZERS, Normalizer
from .positions import POSITIONS, Position

__all__ = [
    "ALIGNMENTS",
    "CAUSAL",
    "FULL",
    "MODELS",
    "NORMALIZERS",
    "PARTS",
    "POSITIONS",
    "Alignment",
    "Attention",
    "Choice",
    "History",
    "HistoryAlignment",
    "InnerProduct",
    "Mask",
    "MultiHeadAttention",
    "Normalizer",
    "Position",
    "SequenceModel",
    "State",
    "build",
    "hyperparameters",
    "incompatibility",
    "padding",
    "sliding",
    "slots",
    "state_bytes",
    "state_tensors",
    "traced",
]
