import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from ..attention.multi_head import head_width
from ..initialisation import xavier
from ..layers.chunks import chunk_length, join_chunks, padded_length, split_chunks, split_heads
from ..layers.decay import inverse_softplus, log_uniform
from ..layers.mixer import Mixer
from ..layers.short_convolution import ShortConvolution
from ..precision import wide
from .mixer_model import MixerModel
from .model import MODELS

CHUNK = 64


class GatedDeltaMixer(Mixer):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.width = width
        self.heads, self.head_dim = heads, head_width(width, heads)
        self.W_qkv = nn.ModuleList(xavier(width, width, bias=False) for _ in range(3))
        self.convolution = ShortConvolution(3 * width, bias=False)
        self.W_beta = xavier(width, heads, bias=False)
        self.W_alpha = xavier(width, heads, bias=False)
        self.rate = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.bias = nn.Parameter(inverse_softplus(log_uniform(heads)))
        self.W_g = xavier(width, width, bias=False)
        self.norm = nn.RMSNorm(self.head_dim, eps=1e-5)
        self.W_o = xavier(width, width, bias=False)

    def prefill(self, x: Float[Tensor, "b n d"]) -> tuple[Float[Tensor, "b n d"], tuple[Tensor, Tensor]]:
        qkv, inputs = self.convolution(self._qkv(x))
        size = chunk_length(x.shape[1], CHUNK)
        parts = (*self._heads(qkv), *self._gates(x))
        read, state = _chunked(*(split_chunks(part, size) for part in parts))
        return self._output(x, join_chunks(read, x.shape[1])), (state, inputs)

    def step(
        self, x: Float[Tensor, "b d"], state: tuple[Tensor, Tensor]
    ) -> tuple[Float[Tensor, "b d"], tuple[Tensor, Tensor]]:
        qkv, inputs = self.convolution.step(self._qkv(x), state[1])
        q, k, v = (part[..., None, :] for part in self._heads(qkv))
        log_alpha, beta = (gate[..., None] for gate in self._gates(x))
        memory = log_alpha.exp() * state[0]
        memory = memory + k.transpose(-1, -2) @ (beta * (v - k @ memory))
        return self._output(x, (q @ memory).flatten(1)), (memory, inputs)

    def flops(self, length: int) -> int:
        d, size = self.width, chunk_length(length, CHUNK)
        padded = padded_length(length, size)
        maps = 2 * length * d * (5 * d + 2 * self.heads)
        return maps + 2 * padded * d * (3 * size + 3 * self.head_dim)

    def _qkv(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b c"]:
        return torch.cat([linear(x) for linear in self.W_qkv], dim=-1)

    def _heads(self, qkv: Float[Tensor, "*b c"]) -> tuple[Tensor, Tensor, Tensor]:
        """Return q / √d_k, k and v, split into heads."""
        q, k, v = (split_heads(part, self.heads) for part in F.silu(wide(qkv)).chunk(3, dim=-1))
        # The factor matters beside the eps of the RMSNorm, which reads the output.
        q = F.normalize(q, dim=-1, eps=1e-6) * self.head_dim**-0.5
        return q, F.normalize(k, dim=-1, eps=1e-6), v

    def _gates(self, x: Float[Tensor, "*b d"]) -> tuple[Float[Tensor, "*b h 1"], Float[Tensor, "*b h 1"]]:
        """Return log α and β."""
        # softplus(z) = -logsigmoid(-z), because torch.compile (2.13) assumes wrong strides for softplus's gradient.
        log_alpha = wide(self.rate).exp() * F.logsigmoid(-wide(self.W_alpha(x)) - wide(self.bias))
        return log_alpha[..., None], wide(self.W_beta(x)).sigmoid()[..., None]

    def _output(self, x: Float[Tensor, "*b d"], read: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
        normed = self.norm(split_heads(read, self.heads).to(x.dtype)).flatten(-2)
        output: Tensor = self.W_o(normed * F.silu(self.W_g(x)))
        return output


def _chunked(
    q: Float[Tensor, "b c h l p"],
    k: Float[Tensor, "b c h l p"],
    v: Float[Tensor, "b c h l p"],
    log_alpha: Float[Tensor, "b c h l 1"],
    beta: Float[Tensor, "b c h l 1"],
) -> tuple[Float[Tensor, "b c h l p"], Float[Tensor, "b h p p"]]:
    """Return the outputs o, and the last state, transposed: keys by values."""
    decay = log_alpha.cumsum(-2)
    size, head_dim = q.shape[-2:]
    later = torch.ones(size, size, dtype=torch.bool, device=q.device).triu(1)
    ratio = (decay - decay.transpose(-1, -2)).masked_fill(later, -torch.inf).exp()
    gamma, to_end = decay.exp(), (decay[..., -1:, :] - decay).exp()
    # The solver uses only what is strictly below the diagonal, and assumes ones on it.
    system = beta * (k @ k.transpose(-1, -2)) * ratio
    right = torch.cat([beta * v, beta * gamma * k], dim=-1)
    solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
    from_values, from_state = solved.split(head_dim, dim=-1)
    keys, queries, end = (k * to_end).transpose(-1, -2), q * gamma, gamma[..., -1:, :]
    state = torch.zeros_like(keys[:, 0, :, :, :1]).expand(*keys.shape[:1], *keys.shape[2:4], head_dim)
    states, writes = [], []
    # Unbound, not indexed: the gradient of an index has the size of all chunks, so the cost would be quadratic.
    for v_c, k_c, keys_c, end_c in zip(*(part.unbind(1) for part in (from_values, from_state, keys, end)), strict=True):
        states.append(state)
        writes.append(v_c - k_c @ state)
        state = end_c * state + keys_c @ writes[-1]
    pairs = (q @ k.transpose(-1, -2)) * ratio
    return pairs @ torch.stack(writes, 1) + queries @ torch.stack(states, 1), state


@MODELS.register("gated_delta")
class GatedDelta(MixerModel):
    """S_t = α_t S_{t-1} (I - β_t k_t k_tᵀ) + β_t v_t k_tᵀ;  o_t = S_t q_t / √d_k;
    y_t = W_o (RMSNorm(o_t) ⊙ silu(W_g x_t))

    with q, k = normalised(silu(conv(W x))), v = silu(conv(W_v x)), β = sigmoid(W_β x) and Mamba-2's decay
    α = exp(-exp(a) softplus(W_α x + b)), a and b learned, all per head.

    The parameters are those of section 3.4 of the paper; the factor 1/√d_k is in the authors' code only. exp(a) starts
    uniform in [1, 16], as in Mamba-2; in the authors' code it starts uniform in [0, 16]. The writes u of a chunk solve
    a triangular system (the UT transform): u_i + β_i Σ_{j<i} (γ_i / γ_j) ⟨k_i, k_j⟩ u_j = β_i (v_i - γ_i S_0 k_i) with
    γ = Π α; the ratio is computed as exp of a difference.

    Source: Yang, Kautz, Hatamizadeh 2024, "Gated delta networks: improving Mamba2 with delta rule" (arXiv 2412.06464),
    eq. 10 and section 3.3.
    """

    family = "linear attention"
    complexity = "n·d² work; n/64 sequential steps (chunked)"

    def __init__(
        self, width: int, *, causal: bool = True, layers: int = 2, expansion: float = 4.0, heads: int = 2
    ) -> None:
        super().__init__(
            width, lambda: GatedDeltaMixer(width, heads), causal=causal, layers=layers, expansion=expansion
        )
