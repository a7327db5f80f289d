"""h_t = a_t ⊙ h_{t-1} + b_t for all t at once, with linear work and about 3 √n sequential steps

The sequence is split into √n chunks. First the last state of each chunk is computed as if the chunk started from zero
(√n steps, all chunks in parallel), then the states between the chunks (√n steps), then all states of each chunk from
the state before it (√n steps, all chunks in parallel). There are no divisions and no logarithms, so a_t = 0 and any
decay |a_t| ≤ 1 are exact up to rounding. It is the scan of Blelloch 1990, "Prefix sums and their applications", in two
levels.
"""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def linear_scan(
    a: Float[Tensor, "b n *c"], b: Float[Tensor, "b n *c"], initial: Float[Tensor, "b *c"] | None = None
) -> Float[Tensor, "b n *c"]:
    """Return h_1 … h_n from h_0 = `initial`, or zero. It keeps a and h for the backward pass."""
    if initial is None:
        initial = a.new_zeros(a.shape[:1] + a.shape[2:])
    states: Tensor = _LinearScan.apply(a, b, initial)  # type: ignore[no-untyped-call]
    return states


class _LinearScan(torch.autograd.Function):
    """With g_t = ∂ℓ/∂h_t, which includes all later states:  g_t = ∂ℓ/∂out_t + a_{t+1} ⊙ g_{t+1}

    ∂ℓ/∂b_t = g_t,  ∂ℓ/∂a_t = g_t ⊙ h_{t-1},  ∂ℓ/∂h_0 = a_1 ⊙ g_1
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, initial: Tensor) -> Tensor:
        h = recurrence(a, b, initial)
        ctx.save_for_backward(a, h, initial)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        a, h, initial = ctx.saved_tensors
        if a.shape[1] == 0:
            return a, a, torch.zeros_like(initial)
        following = torch.cat([a[:, 1:], torch.zeros_like(a[:, :1])], dim=1)
        g = recurrence(following, upstream, torch.zeros_like(initial), backwards=True)
        g_a = torch.cat([g[:, :1] * initial[:, None], g[:, 1:] * h[:, :-1]], dim=1)
        return g_a, g, a[:, 0] * g[:, 0]


def recurrence(a: Tensor, b: Tensor, state: Tensor, backwards: bool = False) -> Tensor:
    """Return the states in the order of their positions; `backwards` runs from the last position to the first."""
    n = a.shape[1]
    chunks = max(1, math.isqrt(n))
    even = n - n % chunks
    # The positions left over after whole chunks are computed one by one, at the end of the recurrence.
    bulk, rest = (slice(n - even, n), slice(0, n - even)) if backwards else (slice(0, even), slice(even, n))
    pieces = [_in_chunks(a[:, bulk], b[:, bulk], state, chunks, backwards)]
    if even < n:
        if even:
            state = pieces[0][:, 0 if backwards else -1]
        pieces.append(_sequential(a[:, rest], b[:, rest], state, 1, backwards))
    return torch.cat(pieces[::-1] if backwards else pieces, dim=1) if len(pieces) > 1 else pieces[0]


def _in_chunks(a: Tensor, b: Tensor, state: Tensor, chunks: int, backwards: bool) -> Tensor:
    shape = a.shape
    if shape[1] <= 2:
        return _sequential(a, b, state, 1, backwards)
    cut = (shape[0], chunks, shape[1] // chunks, *shape[2:])
    a, b = a.reshape(cut), b.reshape(cut)
    ends = torch.zeros_like(a[:, :, 0])
    for a_t, b_t in _columns(a, b, 2, backwards):
        ends = torch.addcmul(b_t, a_t, ends)
    states = _sequential(a.prod(2), ends, state, 1, backwards)
    first = state[:, None]
    starts = torch.cat([states[:, 1:], first] if backwards else [first, states[:, :-1]], dim=1)
    return _sequential(a, b, starts, 2, backwards).reshape(shape)


def _sequential(a: Tensor, b: Tensor, state: Tensor, dim: int, backwards: bool) -> Tensor:
    states = []
    for a_t, b_t in _columns(a, b, dim, backwards):
        state = torch.addcmul(b_t, a_t, state)
        states.append(state)
    if not states:
        return b
    return torch.stack(states[::-1] if backwards else states, dim=dim)


def _columns(a: Tensor, b: Tensor, dim: int, backwards: bool) -> list[tuple[Tensor, Tensor]]:
    columns = list(zip(a.unbind(dim), b.unbind(dim), strict=True))
    return columns[::-1] if backwards else columns
