"""y = LN(x + MultiHead(x, x));  x' = LN(y + W_2 GELU(W_1 y + b_1) + b_2), layer on layer over [source; query]

Every position sees every other: Devlin et al. 2018, "BERT: pre-training of deep bidirectional Transformers for language
understanding" (arXiv 1810.04805). Normalised after each part as there, or before it with norm: pre.
"""

from torch import nn

from registry import Choice

from ..attention.masks import FULL, sliding
from ..layers.stack import Stack
from .model import MODELS
from .transformer import StreamTransformer


@MODELS.register("transformer_encoder")
class TransformerEncoder(StreamTransformer):
    bidirectional = True
    complexity = "n²·d + n·d² work; 1 sequential step"
    compiles = True

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        heads: int = 2,
        key_heads: int | None = None,
        alignment: Choice = "scaled_dot",
        normalizer: Choice = "softmax",
        position: Choice = "sinusoidal",
        window: int | None = None,
        norm: str = "post",
        expansion: float = 4.0,
    ) -> None:
        super().__init__(width, causal=causal)
        self.stack = Stack(
            width,
            mask=FULL if window is None else sliding(window, causal=False),
            layers=layers,
            heads=heads,
            key_heads=key_heads,
            alignment=alignment,
            normalizer=normalizer,
            position=position,
            norm=norm,
            expansion=expansion,
            activation=nn.GELU,
        )
