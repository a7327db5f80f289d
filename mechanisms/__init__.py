"""How sequences are mixed: alignments, normalizers, positions, and the models that hold them."""

from registry import Choice

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
    "Cell",
    "Choice",
    "Decoder",
    "History",
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
