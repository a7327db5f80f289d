from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("softmax_one")
class SoftmaxOne(Normalizer):
    """a_i = exp(e_i) / (1 + Σ_j exp(e_j))

    It is softmax with one more key of score zero and value zero, so a query that matches no key need not attend to any.
    Xiao et al. 2023, "Efficient streaming language models with attention sinks" (arXiv 2309.17453), section 3.3, call
    this key a zero sink; gpt-oss (arXiv 2508.10925) learns its score for each head.

    Source: Miller 2023, "Attention is off by one".
    """

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if mask is not None:
            # No row is all -inf, and so none is NaN, because the added key is never masked.
            scores = scores.masked_fill(~mask, float("-inf"))
        return F.pad(scores, (0, 1)).softmax(-1)[..., :-1]
