"""vᵀ tanh((q + k) / 2) for every pair of a query and a key, with a backward pass of its own.

A sum of a query and a key has a number for each unit of the hidden layer, so all sums together do not fit into a
processor's cache. One block of queries at a time is computed, and again in the backward pass: that is faster than to
write all sums to memory and to read them again.
"""

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

BLOCK_BYTES = 2**20
"""The size of a block, unless a single query is larger. It fits into the second-level cache of a core."""


def tanh_scores(
    query: Float[Tensor, "b h q a"], key: Float[Tensor, "b h k a"], v: Float[Tensor, "h a"]
) -> Float[Tensor, "b h q k"]:
    """Return vᵀ tanh((query + key) / 2) for every pair."""
    if query.shape[2] == 1 or torch.compiler.is_compiling():
        return _composed(query, key, v)
    scores: Tensor = _TanhScores.apply(query, key, v)  # type: ignore[no-untyped-call]
    return scores


def _composed(query: Tensor, key: Tensor, v: Tensor) -> Tensor:
    # One head at a time, because a product with one vector is faster than one with a batch of vectors.
    # The sigmoid is in place, because the sum has b·q·k·a numbers and is used nowhere else.
    heads = zip(query.unbind(1), key.unbind(1), v.unbind(0), strict=True)
    sigmoids = [(s.unsqueeze(2) + h.unsqueeze(1)).sigmoid_() @ weight for s, h, weight in heads]
    return 2 * torch.stack(sigmoids, dim=1) - _sums(v)


class _TanhScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(query, key, v)
        scores = query.new_empty(*query.shape[:3], key.shape[2])
        for head, rows, sigmoids in _blocks(query, key):
            scores[:, head, rows] = sigmoids @ v[head]
        return scores.mul_(2).sub_(_sums(v))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, v = ctx.saved_tensors
        to_query, to_key, to_v = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(v)
        for head, rows, sigmoids in _blocks(query, key):
            part = gradient[:, head, rows]
            to_v[head] += part.flatten() @ sigmoids.flatten(0, 2)
            # The derivative of a sigmoid σ is σ - σ².
            sigmoids.addcmul_(sigmoids, sigmoids, value=-1).mul_(part.unsqueeze(3))
            to_query[:, head, rows] = sigmoids.sum(2)
            # A sum over one query would be a slow copy.
            to_key[:, head] += sigmoids[:, 0] if sigmoids.shape[1] == 1 else sigmoids.sum(1)
        twice = 2 * v[:, None]
        return to_query.mul_(twice), to_key.mul_(twice), 2 * to_v - gradient.sum((0, 2, 3))[:, None]


def _blocks(query: Tensor, key: Tensor) -> Iterator[tuple[int, slice, Float[Tensor, "b q k a"]]]:
    """Yield the head, the queries and σ(query + key) of one block after another, all in the same memory."""
    b, heads, q, a = query.shape
    count = max(1, min(q, BLOCK_BYTES // max(1, b * key.shape[2] * a * key.element_size())))
    memory = key.new_empty(b * count * key.shape[2] * a)
    for head in range(heads):
        for first in range(0, q, count):
            rows = slice(first, min(first + count, q))
            shape = b, rows.stop - first, key.shape[2], a
            block = memory[: torch.Size(shape).numel()].view(shape)
            yield head, rows, torch.add(query[:, head, rows, None], key[:, head, None], out=block).sigmoid_()


def _sums(v: Float[Tensor, "h a"]) -> Float[Tensor, "h 1 1"]:
    return v.sum(1)[:, None, None]
