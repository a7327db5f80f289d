import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..precision import wide
from .normalizer import NORMALIZERS, Normalizer


@NORMALIZERS.register("hard")
class Hard(Normalizer):
    """a = one-hot(argmax_i (e_i + g_i)), g_i = −log(−log u_i); ∂a := ∂ softmax((e + g) / temperature)

    In training the key is a sample from softmax(e) (the Gumbel-max trick); in evaluation it is the key with the highest
    score, without noise. The gradient is a straight-through estimate. Hard attention is due to Xu et al. 2015, "Show,
    attend and tell" (arXiv 1502.03044), who estimate the gradient by REINFORCE. The noise is a function of the seed and
    of the number of draws so far; both are in the state_dict.

    Source: Jang, Gu, Poole 2016, "Categorical reparameterization with Gumbel-softmax" (arXiv 1611.01144), section 2.2;
    Maddison, Mnih, Teh 2016, "The concrete distribution" (arXiv 1611.00712).
    """

    stochastic = True
    surrogate = True

    def __init__(self, *, temperature: float = 1.0) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.temperature = temperature
        # From torch's global generator, like initial parameters. On the CPU, because "meta" has no random numbers.
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
        # The highest score is subtracted first; otherwise a small temperature would make large scores infinite.
        soft = ((given - given.detach().amax(-1, keepdim=True)) / self.temperature).softmax(-1)
        hard = torch.zeros_like(soft).scatter(-1, given.argmax(-1, keepdim=True), 1.0)
        weights = hard + (soft - soft.detach())
        if mask is not None:
            weights = weights.masked_fill(~mask, 0.0)
        return weights.to(scores.dtype)

    def _noise(self, scores: Tensor) -> Tensor:
        generator = torch.Generator(scores.device).manual_seed(self.seed + self.draws)
        self.draws += 1
        # -log u has an exponential distribution. A sample may be zero, whose logarithm is infinite: hence the clamp.
        exponential = torch.empty_like(scores).exponential_(generator=generator)
        return -exponential.clamp(min=torch.finfo(scores.dtype).tiny).log()

    # Integers instead of a buffer: to read a buffer on a GPU would synchronise with the GPU at each draw.
    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.seed, self.draws], device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        self.seed, self.draws = state.tolist()
