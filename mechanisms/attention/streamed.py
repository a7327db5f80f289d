"""Attention with one block of queries at a time; each block is recomputed in the backward pass.

Memory is then O(length) and not O(length²·width), for the cost of one more forward pass. `torch.utils.checkpoint` would
do the same. But it sums the gradient of the keys in a full-sized tensor for each block, and its first call imports
torch's compiler, which takes two seconds in every new process. So it is used under torch.compile only.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from .masks import Mask

Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor, Mask], Tensor]
"""(query, keys, value, mask) -> context"""


class QueryBlock(NamedTuple):
    queries: slice
    keys: slice
    mask: Mask

    def cut(self, query: Tensor, keys: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the parts that the block reads, as views."""
        return query[:, :, self.queries], keys[:, :, self.keys], value[:, :, self.keys]


def query_blocks(q: int, k: int, rows: int, mask: Mask) -> Iterator[QueryBlock]:
    """Yield `rows` queries at a time, with the keys that at least one of them may see."""
    for first in range(0, q, rows):
        last = min(first + rows, q)
        part, seen = mask.block(first, last, q, k)
        yield QueryBlock(slice(first, last), seen, part)


def stream(
    module: nn.Module,
    attend: Attend,
    query: Float[Tensor, "b hq q aq"],
    keys: Float[Tensor, "b h k a"],
    value: Float[Tensor, "b h k dv"],
    mask: Mask,
    rows: int,
) -> Float[Tensor, "b hq q dv"]:
    """Return `attend(query, keys, value, mask)`, computed `rows` queries at a time.

    `module` holds the parameters and buffers that `attend` uses.
    """
    plan = list(query_blocks(query.shape[2], keys.shape[2], rows, mask))
    if torch.compiler.is_compiling():
        return _stream_compiled(attend, plan, query, keys, value)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    call = _Call(module, attend, plan, tuple(tensors))
    context: Tensor = _Stream.apply(call, query, keys, value, *tensors.values())  # type: ignore[no-untyped-call]
    return context


def _stream_compiled(
    attend: Attend, plan: Sequence[QueryBlock], query: Tensor, keys: Tensor, value: Tensor
) -> Float[Tensor, "b hq q dv"]:
    """The same for torch.compile, which does not trace a backward pass inside a backward pass."""
    # Imported here, because it imports torch's compiler.
    from torch.utils.checkpoint import checkpoint

    again = partial(checkpoint, attend, use_reentrant=False, preserve_rng_state=False)
    return torch.cat([again(*block.cut(query, keys, value), block.mask) for block in plan], dim=2)


class _Call(NamedTuple):
    module: nn.Module
    attend: Attend
    plan: Sequence[QueryBlock]
    names: tuple[str, ...]
    """The names of the module's parameters and buffers."""


class _WithTensors(nn.Module):
    """Calls a function that uses the parameters of a module, so that `functional_call` can replace them."""

    def __init__(self, module: nn.Module, function: Attend) -> None:
        super().__init__()
        self.module = module
        self.function = function

    def forward(self, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
        return self.function(query, keys, value, mask)


class _Stream(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, query: Tensor, keys: Tensor, value: Tensor, *tensors: Tensor) -> Tensor:
        ctx.call = call
        ctx.save_for_backward(query, keys, value, *tensors)
        return torch.cat([call.attend(*block.cut(query, keys, value), block.mask) for block in call.plan], dim=2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        module, attend, plan, names = ctx.call
        inputs = ctx.saved_tensors[:3]
        # What the module holds now may be other tensors than in the forward pass, as after torch.func.functional_call.
        tensors = [x.detach().requires_grad_(x.requires_grad) for x in ctx.saved_tensors[3:]]
        learned = [x for x in tensors if x.requires_grad]
        held = {f"module.{name}": x for name, x in zip(names, tensors, strict=True)}
        totals = [torch.zeros_like(x, memory_format=torch.contiguous_format) for x in (*inputs, *learned)]
        for block in plan:
            leaves = [x.detach().requires_grad_() for x in block.cut(*inputs)]
            with torch.enable_grad():
                context = functional_call(_WithTensors(module, attend), held, (*leaves, block.mask))
            found = torch.autograd.grad(context, [*leaves, *learned], gradient[:, :, block.queries], allow_unused=True)
            targets = [*block.cut(*totals[:3]), *totals[3:]]
            for target, part in zip(targets, found, strict=True):
                if part is not None:
                    target.add_(part)
        rest = iter(totals[3:])
        return (None, *totals[:3], *(next(rest) if x.requires_grad else None for x in tensors))
