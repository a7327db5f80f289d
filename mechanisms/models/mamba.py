# The letters are the paper's.
# ruff: noqa: N802, N806

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..initialisation import xavier
from ..layers.decay import inverse_softplus, log_uniform
from ..layers.mixer import Mixer
from ..layers.selective_scan import selective_scan
from ..layers.short_convolution import ShortConvolution
from ..precision import wide
from .mixer_model import MixerModel
from .model import MODELS


class MambaMixer(Mixer):
    def __init__(self, width: int, state: int, convolution: int) -> None:
        super().__init__()
        if state < 1:
            raise ValueError(f"state must be at least 1, not {state}")
        self.width, self.inner, self.rank = width, 2 * width, -(-width // 16)
        self.W_in = xavier(width, 2 * self.inner, bias=False)
        self.convolution = ShortConvolution(self.inner, convolution)
        self.W_x = xavier(self.inner, self.rank + 2 * state, bias=False)
        self.W_delta = nn.Linear(self.rank, self.inner)
        nn.init.uniform_(self.W_delta.weight, -(self.rank**-0.5), self.rank**-0.5)
        self.W_delta.bias = nn.Parameter(inverse_softplus(log_uniform(self.inner)))
        self.log_A = nn.Parameter(torch.arange(1.0, state + 1).log()[:, None].repeat(1, self.inner))
        self.D = nn.Parameter(torch.ones(self.inner))
        self.W_o = xavier(self.inner, width, bias=False)

    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], tuple[Tensor, Tensor]]:
        u, z = self.W_in(x).chunk(2, dim=-1)
        u, inputs = self.convolution(u)
        u = F.silu(u)
        delta, B, C = self._select(u)
        y, last = selective_scan(delta, delta * u, self._A(), B, C)
        return self._output(y, u, z), (last, inputs)

    def step(
        self, x: Float[Tensor, "b d"], state: tuple[Tensor, Tensor]
    ) -> tuple[Float[Tensor, "b d"], tuple[Tensor, Tensor]]:
        u, z = self.W_in(x).chunk(2, dim=-1)
        u, inputs = self.convolution.step(u, state[1])
        u = F.silu(u)
        delta, B, C = self._select(u)
        h = (delta[:, None] * self._A()).exp() * state[0] + B[..., None] * (delta * u)[:, None]
        y = (C[:, None] @ h)[:, 0]
        return self._output(y, u, z), (h, inputs)

    def flops(self, length: int) -> int:
        states = self.log_A.shape[0]
        maps = 3 * self.width + (self.rank + 2 * states) + self.rank
        return 2 * length * self.inner * (maps + states)

    def _select(self, u: Float[Tensor, "*b e"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return Δ, B and C."""
        states = self.log_A.shape[0]
        rank, B, C = self.W_x(u).split([self.rank, states, states], dim=-1)
        return F.softplus(wide(self.W_delta(rank))), wide(B), wide(C)

    def _A(self) -> Float[Tensor, "s e"]:
        return -wide(self.log_A).exp()

    def _output(
        self, y: Float[Tensor, "*b e"], u: Float[Tensor, "*b e"], z: Float[Tensor, "*b e"]
    ) -> Float[Tensor, "*b d"]:
        output: Tensor = self.W_o((y.to(u.dtype) + self.D * u) * F.silu(z))
        return output


@MODELS.register("mamba")
class Mamba(MixerModel):
    """h_t = exp(Δ_t A) ⊙ h_{t-1} + Δ_t B_t u_t;  y_t = W_o ((h_t C_t + D ⊙ u_t) ⊙ silu(z_t))

    with u, z = W_in x, u = silu(conv(u)), Δ = softplus(W_Δ W_r u + b), and B, C = W_B u, W_C u. Each channel of u has a
    state of 16 numbers, whose decay, input and output depend on the input.

    As in the paper, the inner width is twice the width (section 3.4; `expansion` is that of the block, not this
    factor), A = -(1 … 16) (S4D-real) and Δ has a low rank (section 3.6). As in the authors' code, the rank is
    ⌈width/16⌉, the convolution has size 4, Δ starts log-uniform in [0.001, 0.1], and the input has the factor Δ B, an
    Euler step. In the paper Δ starts uniform, and the factor is that of a zero-order hold. The bias of the convolution
    starts at zero.

    Source: Gu & Dao 2023, "Mamba: linear-time sequence modeling with selective state spaces" (arXiv 2312.00752),
    algorithm 2.
    """

    family = "state space model"
    complexity = "n·d² work; √n sequential steps (scan)"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        expansion: float = 4.0,
        state: int = 16,
        convolution: int = 4,
    ) -> None:
        super().__init__(
            width, lambda: MambaMixer(width, state, convolution), causal=causal, layers=layers, expansion=expansion
        )
