"""Attention with one block of queries at a time; each block is recomputed in the backward pass.

Memory is then O(length) and not O(length²·width), for the cost of one more forward pass. `torch.utils.checkpoint` would
do the same. But it sums the gradient of the keys in a full-sized tensor for each block, and its first call imports
torch's compiler, which takes two seconds in every new process.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from .masks import Mask

Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, Mask], Tensor]
"""(query, keys, value, mask) -> context"""


class QueryBlock(NamedTuple):
    queries: slice
    keys: slice
    mask: Mask


def query_blocks(q: int, k: int, rows: int, mask: Mask) -> Iterator[QueryBlock]:
    """Yield `rows` queries at a time, with the keys that at least one of them may see."""
    for first in range(0, q, rows):
        last = min(first + rows, q)
        part, seen = mask.block(first, last, q, k)
        yield QueryBlock(slice(first, last), seen, part)


def stream(
    attend: Attend,
    parameters: Sequence[Tensor],
    query: Float[Tensor, "b hq q aq"],
    keys: Float[Tensor, "b h k a"],
    value: Float[Tensor, "b h k dv"],
    mask: Mask,
    rows: int,
) -> Float[Tensor, "b hq q dv"]:
    """Return `attend(query, keys, value, mask)`, computed `rows` queries at a time.

    `parameters` are those that `attend` uses and that need a gradient.
    """
    plan = list(query_blocks(query.shape[2], keys.shape[2], rows, mask))
    context: Tensor = _Stream.apply(attend, plan, query, keys, value, *parameters)  # type: ignore[no-untyped-call]
    return context


class _Stream(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        attend: Attend,
        plan: list[QueryBlock],
        query: Tensor,
        keys: Tensor,
        value: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        ctx.attend, ctx.plan = attend, plan
        ctx.save_for_backward(query, keys, value, *parameters)
        parts = [attend(query[:, :, b.queries], keys[:, :, b.keys], value[:, :, b.keys], b.mask) for b in plan]
        return torch.cat(parts, dim=2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs, parameters = ctx.saved_tensors[:3], ctx.saved_tensors[3:]
        totals = [torch.zeros_like(x, memory_format=torch.contiguous_format) for x in ctx.saved_tensors]
        for block in ctx.plan:
            parts = (block.queries, block.keys, block.keys)
            with torch.enable_grad():
                leaves = [x[:, :, part].detach().requires_grad_() for x, part in zip(inputs, parts, strict=True)]
                context = ctx.attend(*leaves, block.mask)
            found = torch.autograd.grad(
                context, [*leaves, *parameters], gradient[:, :, block.queries], allow_unused=True
            )
            targets = [x[:, :, part] for x, part in zip(totals[:3], parts, strict=True)] + totals[3:]
            for target, part in zip(targets, found, strict=True):
                if part is not None:
                    target.add_(part)
        return (None, None, *totals)
