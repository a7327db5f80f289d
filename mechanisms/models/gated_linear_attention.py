import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..attention.multi_head import head_width
from ..initialisation import xavier
from ..layers.chunks import chunk_length, initial_states, join_chunks, padded_length, split_chunks, split_heads
from ..layers.mixer import Mixer
from ..layers.scan import linear_scan
from ..precision import wide
from .mixer_model import MixerModel
from .model import MODELS

CHUNK = 16
RANK = 16
TEMPERATURE = 16


class GatedLinearAttentionMixer(Mixer):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.heads, self.head_dim = heads, head_width(width, heads)
        if self.head_dim % 2:
            raise ValueError(f"keys have half the width of values, so width / heads must be even, not {self.head_dim}")
        self.W_q = xavier(width, width // 2, bias=False)
        self.W_k = xavier(width, width // 2, bias=False)
        self.W_v = xavier(width, width, bias=False)
        self.decay = nn.Sequential(xavier(width, RANK, bias=False), xavier(RANK, width // 2))
        self.W_r = xavier(width, width)
        self.norm = nn.LayerNorm(self.head_dim)
        self.W_o = xavier(width, width, bias=False)

    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b h k v"]]:
        size = chunk_length(x.shape[1], CHUNK)
        q, k, v, log_alpha = (split_chunks(part, size) for part in self._project(x))
        decay = log_alpha.cumsum(-2)
        keys = k * (decay[..., -1:, :] - decay).exp()
        updates = keys.transpose(-1, -2) @ v
        across = decay[..., -1, :, None].exp().expand_as(updates)
        states = linear_scan(across, updates)
        read = _pairs(q, k, decay) @ v + (q * decay.exp()) @ initial_states(states)
        return self._output(x, join_chunks(read, x.shape[1])), states[:, -1]

    def step(
        self, x: Float[Tensor, "b d"], state: Float[Tensor, "b h k v"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b h k v"]]:
        q, k, v, log_alpha = self._project(x)
        state = log_alpha.exp()[..., None] * state + k[..., :, None] * v[..., None, :]
        read = q[..., None, :] @ state
        return self._output(x, read.flatten(1)), state

    def flops(self, length: int) -> int:
        d, size = self.width, chunk_length(length, CHUNK)
        maps = 2 * length * (4 * d * d + RANK * (d + d // 2))
        padded = padded_length(length, size)
        return maps + 2 * padded * d * (size + self.head_dim)

    def _project(self, x: Float[Tensor, "*b d"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return q / √d_k, k, v and log α, split into heads."""
        log_alpha = F.logsigmoid(wide(self.decay(x))) / TEMPERATURE
        q, k, v = (wide(linear(x)) for linear in (self.W_q, self.W_k, self.W_v))
        q = q * (self.head_dim // 2) ** -0.5
        q, k, v, log_alpha = (split_heads(part, self.heads) for part in (q, k, v, log_alpha))
        return q, k, v, log_alpha

    def _output(self, x: Float[Tensor, "*b d"], read: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        normed = self.norm(split_heads(read, self.heads).to(x.dtype)).flatten(-2)
        output: Tensor = self.W_o(F.silu(self.W_r(x)) * normed)
        return output


def _pairs(
    q: Float[Tensor, "b c h l k"], k: Float[Tensor, "b c h l k"], decay: Float[Tensor, "b c h l k"]
) -> Float[Tensor, "b c h l l"]:
    """Return q_iᵀ Diag(exp(B_i - B_j)) k_j for i ≥ j, else zero."""
    size = q.shape[-2]
    later = torch.ones(size, size, dtype=torch.bool, device=q.device).triu(1)[..., None]
    weights = (decay[..., :, None, :] - decay[..., None, :, :]).masked_fill(later, -torch.inf).exp()
    return (q[..., :, None, :] * weights * k[..., None, :, :]).sum(-1)


@MODELS.register("gated_linear_attention")
class GatedLinearAttention(MixerModel):
    """S_t = Diag(α_t) S_{t-1} + k_t v_tᵀ;  o_t = S_tᵀ q_t / √d_k;  y_t = W_o (swish(W_r x_t + b_r) ⊙ LN(o_t))

    with α_t = sigmoid(W_2 W_1 x_t + b)^(1/16), a decay for each key dimension, W_1 of rank 16.

    Keys have half the width of values, and the LayerNorm is per head. The factor 1/√d_k is not in eq. 3; it is that of
    the authors' library, flash-linear-attention. With B = Σ log α, a pair of positions i ≥ j of a chunk has the weight
    exp(B_i - B_j), as in eq. 4 of the paper. It is at most 1, where the product exp(B_i) exp(-B_j) would overflow.

    Source: Yang et al. 2023, "Gated linear attention Transformers with hardware-efficient training" (arXiv 2312.06635),
    eq. 3 and section 4.4.
    """

    family = "linear attention"
    complexity = "n·d² work; √n sequential steps (chunked, scan over chunks)"

    def __init__(
        self, width: int, *, causal: bool = True, layers: int = 2, expansion: float = 4.0, heads: int = 2
    ) -> None:
        super().__init__(
            width, lambda: GatedLinearAttentionMixer(width, heads), causal=causal, layers=layers, expansion=expansion
        )
