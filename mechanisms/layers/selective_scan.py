"""y_t = C_tᵀ h_t;  h_t = exp(Δ_t A) ⊙ h_{t-1} + B_t w_tᵀ, with a state of s numbers per channel e

Gu & Dao 2023 (arXiv 2312.00752), section 3.3.2. The states are s times as large as inputs and outputs, so they are
never all in memory. They are computed one segment at a time, and again in the backward pass from the state before the
segment.
"""

# The letters are the paper's.
# ruff: noqa: N803, N806

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from .scan import recurrence

SEGMENT_NUMBERS = 2**18
"""The numbers in the states of one segment on a CPU: few enough for its cache. The fastest of 2^16 to 2^22."""

DEVICE_NUMBERS = 2**25
"""The same on an accelerator, where each segment costs kernel launches and the cache matters less."""

SEGMENT = 8
"""The length of the shortest segment, for any batch size: the state before each segment is kept."""


def selective_scan(
    delta: Float[Tensor, "b n e"],
    w: Float[Tensor, "b n e"],
    A: Float[Tensor, "s e"],
    B: Float[Tensor, "b n s"],
    C: Float[Tensor, "b n s"],
) -> tuple[Float[Tensor, "b n e"], Float[Tensor, "b s e"]]:
    """Return all y, and the last state, which has no gradient."""
    y, starts = _SelectiveScan.apply(delta, w, A, B, C)  # type: ignore[no-untyped-call]
    return y, starts[:, -1]


class _SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, delta: Tensor, w: Tensor, A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
        state = w.new_zeros(w.shape[0], *A.shape)
        starts, outputs = [state], [w[:, :0]]
        for part in _segments(w, A.shape):
            h = recurrence(_decay(delta[:, part], A), _outer(B[:, part], w[:, part]), state)
            outputs.append((C[:, part, None] @ h)[:, :, 0])
            state = h[:, -1]
            starts.append(state)
        kept = torch.stack(starts, dim=1)
        ctx.save_for_backward(delta, w, A, B, C, kept)
        ctx.mark_non_differentiable(kept)
        return torch.cat(outputs, dim=1), kept

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_y: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        """With g_t = C_t g_yᵀ + a_{t+1} ⊙ g_{t+1}, as in the linear scan; the last segment comes first."""
        delta, w, A, B, C, starts = ctx.saved_tensors
        g_A, g_last = torch.zeros_like(A), torch.zeros_like(starts[:, 0])
        pieces: list[tuple[Tensor, ...]] = [(delta[:, :0], w[:, :0], B[:, :0], C[:, :0])]
        for index, part in reversed(list(enumerate(_segments(w, A.shape)))):
            decay = _decay(delta[:, part], A)
            h = recurrence(decay, _outer(B[:, part], w[:, part]), starts[:, index])
            g_C = (h @ g_y[:, part, :, None])[..., 0]
            # `g_last` is the gradient of the segment's last state from later segments, already decayed.
            upstream = _outer(C[:, part], g_y[:, part])
            following = torch.cat([decay[:, 1:], torch.ones_like(decay[:, :1])], dim=1)
            g = recurrence(following, upstream, g_last, backwards=True)
            g_last = decay[:, 0] * g[:, 0]
            before = torch.cat([starts[:, index, None], h[:, :-1]], dim=1)
            g_exponent = g * before * decay
            g_delta = (g_exponent * A).sum(2)
            g_A = g_A + (g_exponent * delta[:, part, None]).sum((0, 1))
            g_w = (B[:, part, None] @ g)[:, :, 0]
            g_B = (g @ w[:, part, :, None])[..., 0]
            pieces.append((g_delta, g_w, g_B, g_C))
        g_delta, g_w, g_B, g_C = (torch.cat(parts, dim=1) for parts in zip(*pieces[::-1], strict=True))
        return g_delta, g_w, g_A, g_B, g_C


def _segments(w: Tensor, state: torch.Size) -> list[slice]:
    batch, n, _ = w.shape
    numbers = SEGMENT_NUMBERS if w.device.type == "cpu" else DEVICE_NUMBERS
    length = max(SEGMENT, numbers // max(1, batch * state.numel()))
    return [slice(first, min(first + length, n)) for first in range(0, n, length)]


def _decay(delta: Tensor, A: Tensor) -> Tensor:
    return (delta[:, :, None] * A).exp_()


def _outer(B: Tensor, w: Tensor) -> Tensor:
    return B[..., None] * w[:, :, None]
