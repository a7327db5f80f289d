"""a_i = exp(e_i) / (1 + Σ_j exp(e_j)): softmax beside a sink of score zero, whose weight reads nothing

Miller 2023, "Attention is off by one"; a query that finds nothing need not read. The sink that Xiao et al. 2023,
"Efficient streaming language models with attention sinks" (arXiv 2309.17453), section 3.3, call a zero sink;
gpt-oss (arXiv 2508.10925) learns its score per head.
"""

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("softmax_one")
class SoftmaxOne(Normalizer):
    compiles = True

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if mask is not None:
            # The sink is always seen, so no row is all -inf, and none NaN.
            scores = scores.masked_fill(~mask, float("-inf"))
        return F.pad(scores, (0, 1)).softmax(-1)[..., :-1]
