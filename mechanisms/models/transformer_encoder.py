from dataclasses import dataclass
from typing import Annotated

from registry import Choice

from ..layers.residual import NORMS
from .model import MODELS
from .transformer_model import StreamTransformer


@MODELS.register("transformer_encoder")
@dataclass(eq=False, repr=False, kw_only=True)
class TransformerEncoder(StreamTransformer):
    """y = LN(x + MultiHead(x, x));  x' = LN(y + W_2 GELU(W_1 y + b_1) + b_2), layer by layer over [source; query]

    Every position sees every other. Normalised after each part, as in the paper, or before it with norm: pre. BERT
    learns its positions; here they are sinusoidal by default.

    Source: Devlin et al. 2018, "BERT: pre-training of deep bidirectional Transformers for language understanding"
    (arXiv 1810.04805).
    """

    bidirectional = True

    norm: Annotated[Choice, NORMS] = "post"
