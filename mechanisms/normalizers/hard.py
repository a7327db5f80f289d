"""a = one-hot(argmax_i (e_i + g_i)), g_i = −log(−log u_i); ∂a := ∂ softmax((e + g) / temperature)

A draw from softmax(e) while training (the Gumbel-max trick), the highest score otherwise; the gradient passes
straight through. Jang, Gu, Poole 2016 (arXiv 1611.01144), section 2.2; Maddison, Mnih, Teh 2016 (arXiv 1611.00712).
Hard attention as in Xu et al. 2015, "Show, attend and tell" (arXiv 1502.03044), who estimate its gradient by REINFORCE.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..precision import wide
from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("hard")
class Hard(Normalizer):
    """The noise is a function of the seed and the number of draws so far; both are in the state_dict."""

    stochastic = True
    surrogate = True

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, and is {temperature}")
        self.temperature = temperature
        # From torch's generator, as initial parameters are; on the CPU, since on "meta" nothing can be drawn.
        self.seed = int(torch.randint(2**62, (), device="cpu"))
        self.draws = 0

    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]:
        if scores.shape[-1] == 0:
            return scores
        given = wide(scores)
        if self.training:
            given = given + self._noise(given)
        if mask is not None:
            given = given.masked_fill(~mask, torch.finfo(given.dtype).min)
        # The highest is brought to zero first, or a small temperature would make large scores infinite.
        soft = ((given - given.detach().amax(-1, keepdim=True)) / self.temperature).softmax(-1)
        hard = torch.zeros_like(soft).scatter(-1, given.argmax(-1, keepdim=True), 1.0)
        weights = hard + (soft - soft.detach())
        if mask is not None:
            weights = weights.masked_fill(~mask, 0.0)
        return weights.to(scores.dtype)

    def _noise(self, scores: Tensor) -> Tensor:
        generator = torch.Generator(scores.device).manual_seed(self.seed + self.draws)
        self.draws += 1
        # -log u is exponential. It may be drawn as zero, whose logarithm is infinite.
        waiting = torch.empty_like(scores).exponential_(generator=generator)
        return -waiting.clamp(min=torch.finfo(scores.dtype).tiny).log()

    # Integers rather than a buffer: reading one on a GPU would wait for the GPU at each draw.
    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.seed, self.draws], device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        self.seed, self.draws = state.tolist()
