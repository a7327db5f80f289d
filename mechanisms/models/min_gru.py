import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..initialisation import xavier
from ..layers.mixer import Mixer
from ..layers.scan import linear_scan
from ..precision import wide
from .mixer_model import MixerModel
from .model import MODELS


class MinGRUMixer(Mixer):
    def __init__(self, width: int, forget_bias: float) -> None:
        super().__init__()
        self.width = width
        self.W_z = xavier(width, width)
        # 1 - z keeps the state, and 1 - sigmoid(-b) = sigmoid(b).
        nn.init.constant_(self.W_z.bias, -forget_bias)
        self.W_h = xavier(width, width)

    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b d"]]:
        z, candidate = self._gate(x)
        states = linear_scan(1 - z, z * candidate)
        # An empty sequence has no last state; the state is then the initial zero.
        last = states[:, -1] if x.shape[1] else states.new_zeros(x.shape[0], self.width)
        return states.to(x.dtype), last

    def step(
        self, x: Float[Tensor, "b d"], state: Float[Tensor, "b d"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b d"]]:
        z, candidate = self._gate(x)
        state = torch.lerp(state, candidate, z)
        return state.to(x.dtype), state

    def flops(self, length: int) -> int:
        return 4 * length * self.width**2

    def _gate(self, x: Float[Tensor, "*b d"]) -> tuple[Float[Tensor, "*b d"], Float[Tensor, "*b d"]]:
        return wide(self.W_z(x)).sigmoid(), wide(self.W_h(x))


@MODELS.register("min_gru")
class MinGRU(MixerModel):
    """h_t = (1 - z_t) ⊙ h_{t-1} + z_t ⊙ h̃_t;  z_t = sigmoid(W_z x_t + b_z);  h̃_t = W_h x_t + b_h

    No gate depends on the state, so one scan computes all states. The scan is over z itself and not over its logarithm,
    so h̃ may be negative and needs no g(h̃).

    Source: Feng et al. 2024, "Were RNNs all we needed?" (arXiv 2410.01201).
    """

    family = "recurrent network"
    complexity = "n·d² work; √n sequential steps (scan)"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        expansion: float = 4.0,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(
            width, lambda: MinGRUMixer(width, forget_bias), causal=causal, layers=layers, expansion=expansion
        )
