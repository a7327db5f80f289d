"""How sequences are mixed: alignments, normalizers, positions, and the models that hold them."""

from .alignments import ALIGNMENTS, Alignment, InnerProduct
from .attention import Attention, traced
from .build import Choice, build, hyperparameters
from .masks import CAUSAL, FULL, Mask, padding
from .models import MODELS, SequenceModel, State, state_tensors
from .multi_head import MultiHeadAttention
from .normalizers import NORMALIZERS, Normalizer
from .positions import POSITIONS, Position

__all__ = [
    "ALIGNMENTS",
    "CAUSAL",
    "FULL",
    "MODELS",
    "NORMALIZERS",
    "POSITIONS",
    "Alignment",
    "Attention",
    "Choice",
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
    "state_tensors",
    "traced",
]
