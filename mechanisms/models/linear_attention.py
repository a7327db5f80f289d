from typing import Annotated

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from registry import Choice

from ..attention.multi_head import head_width
from ..initialisation import xavier
from ..layers.chunks import chunk_length, initial_states, join_chunks, padded_length, split_chunks, split_heads
from ..layers.mixer import Mixer
from ..positions import POSITIONS
from ..precision import wide
from .mixer_model import MixerModel, require_embedding
from .model import MODELS

CHUNK = 64
EPSILON = 1e-6


class LinearAttentionMixer(Mixer):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.heads, self.head_dim = heads, head_width(width, heads)
        self.W_q = xavier(width, width)
        self.W_k = xavier(width, width)
        self.W_v = xavier(width, width)
        self.W_o = xavier(width, width)

    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], Float[Tensor, "b h p r"]]:
        size = chunk_length(x.shape[1], CHUNK)
        q, k, v = (split_chunks(part, size) for part in self._project(x))
        sums = (k.transpose(-1, -2) @ v).cumsum(1)
        read = (q @ k.transpose(-1, -2)).tril() @ v + q @ initial_states(sums)
        y = join_chunks(_normalised(read), x.shape[1])
        return self.W_o(y.to(x.dtype)), sums[:, -1]

    def step(
        self, x: Float[Tensor, "b d"], state: Float[Tensor, "b h p r"]
    ) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b h p r"]]:
        q, k, v = self._project(x)
        state = state + k[..., :, None] * v[..., None, :]
        y = _normalised((q[..., None, :] @ state)[..., 0, :])
        return self.W_o(y.flatten(1).to(x.dtype)), state

    def flops(self, length: int) -> int:
        size, read = chunk_length(length, CHUNK), self.head_dim + 1
        padded = padded_length(length, size)
        pairs = 2 * padded * size * self.heads * (self.head_dim + read)
        states = 4 * padded * self.heads * self.head_dim * read
        return 8 * length * self.width**2 + pairs + states

    def _project(self, x: Float[Tensor, "*b d"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return φ(q), φ(k), and v with a column of ones, with which one product gives numerator and denominator."""
        q, k, v = (wide(linear(x)) for linear in (self.W_q, self.W_k, self.W_v))
        q, k, v = (split_heads(part, self.heads) for part in (_phi(q), _phi(k), v))
        return q, k, F.pad(v, (0, 1), value=1.0)


def _phi(x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
    # Not F.elu: torch.compile (2.13) assumes wrong strides for its gradient, and fails at a view.
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())


def _normalised(read: Float[Tensor, "*b r"]) -> Float[Tensor, "*b p"]:
    return read[..., :-1] / (read[..., -1:] + EPSILON)


@MODELS.register("linear_attention")
class LinearAttention(MixerModel):
    """y_t = φ(q_t)ᵀ S_t / (φ(q_t)ᵀ z_t + ε);  S_t = Σ_{i≤t} φ(k_i) v_iᵀ,  z_t = Σ_{i≤t} φ(k_i);  φ(x) = elu(x) + 1

    with the ε = 1e-6 of the authors' code. Positions are encoded at the embeddings, as in the paper's models. Within a
    chunk scores are computed pair by pair; earlier chunks are read from their sum.

    Source: Katharopoulos et al. 2020, "Transformers are RNNs: fast autoregressive Transformers with linear attention"
    (arXiv 2006.16236), eq. 9 to 12 and 7.
    """

    family = "linear attention"
    complexity = "n·d² work; 1 sequential step (chunked)"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        layers: int = 2,
        expansion: float = 4.0,
        heads: int = 2,
        position: Annotated[Choice, POSITIONS] = "sinusoidal",
    ) -> None:
        super().__init__(
            width, lambda: LinearAttentionMixer(width, heads), causal=causal, layers=layers, expansion=expansion
        )
        self.position = POSITIONS.build(position, width)
        require_embedding(self.position)

    def embed_positions(self, x: Float[Tensor, "b n d"], first: int) -> Float[Tensor, "b n d"]:
        return self.position.embed_from(x, first)
