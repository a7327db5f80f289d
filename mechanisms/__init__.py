"""How sequences are mixed: alignments, normalizers, positions, and the models that hold them."""

from .alignments import ALIGNMENTS, Alignment, History, HistoryAlignment, InnerProduct
from .attention import Attention, traced
from .build import Choice, build, hyperparameters
from .combine import PARTS, refusal, slots
from .masks import CAUSAL, FULL, Mask, padding, sliding
from .models import MODELS, SequenceModel, State, state_bytes, state_tensors
from .multi_head import MultiHeadAttention
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
    "padding",
    "refusal",
    "sliding",
    "slots",
    "state_bytes",
    "state_tensors",
    "traced",
]
