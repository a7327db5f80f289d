"""All steps of a decoder as one node of the graph, with a backward pass that is written out.

In a graph of single operations the bookkeeping of a step takes longer than its arithmetic, and every step makes a
product and a sum for the gradient of every weight. Here nothing is recorded step by step. It is for the alignments of
`unrolls`; all others take the steps of `decoders.py`, which are the reference for these.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..alignments.additive import Additive
from ..alignments.concat import Concat
from ..alignments.dot import Dot
from ..alignments.general import General
from ..alignments.scaled_dot import ScaledDot
from ..alignments.tanh import MappedTanhAlignment
from ..attention.attention import Attention
from ..normalizers.softmax import Softmax
from .context_cells import CellState, ContextCell, tanh_backward
from .stepwise import Attending, ProductAttending, Stepping, TanhAttending, over_steps


def unrolls(attention: Attention) -> bool:
    """Whether the steps can be one node."""
    position = attention.position
    return (
        # A subclass may compute something else.
        type(attention.alignment) in (Additive, Concat, Dot, General, ScaledDot)
        and type(attention.normalizer) is Softmax
        and (position is None or not (position.rotates() or position.biases()))
        and torch.is_grad_enabled()
        and not attention.tracing
        and not torch.compiler.is_compiling()
    )


def unrolled(
    decode: type[torch.autograd.Function],
    cell: ContextCell,
    attention: Attention,
    query: Float[Tensor, "b q d"],
    keys: Float[Tensor, "b 1 k a"],
    values: Float[Tensor, "b 1 k d"],
    *rest: Tensor,
) -> tuple[Tensor, CellState]:
    """Return the outputs of all steps, steps first, and the last state. `rest` is what only this decoder needs, and the
    first state."""
    w_x, w_c, w_h, b_x, b_h = cell.weights()
    x = torch.nn.functional.linear(query.transpose(0, 1), w_x, b_x)
    kind, parameters = _parameters(attention)
    # The scale of an inner product is in the keys, once for all steps.
    scale = attention.alignment.kernel_scale
    scaled = keys[:, 0] if scale in (None, 1.0) else scale * keys[:, 0]
    attended = scaled, values[:, 0], *parameters
    outputs, *state = decode.apply((kind, cell), x, w_c, w_h, b_h, *attended, *rest)  # type: ignore[no-untyped-call]
    return outputs, tuple(state)


def _parameters(attention: Attention) -> tuple[type[Attending], tuple[Tensor | None, Tensor | None, Tensor | None]]:
    """Return w, b and v of the alignment."""
    alignment = attention.alignment
    if isinstance(alignment, MappedTanhAlignment):
        bias = 2 * alignment.b[0, 0] if isinstance(alignment, Additive) else None
        return TanhAttending, (2 * alignment.W[0], bias, 2 * alignment.v[0])
    return ProductAttending, (alignment.W[0] if isinstance(alignment, General) else None, None, None)


class UnrolledBahdanau(torch.autograd.Function):
    """Returns [s_t; c_t] and the last state."""

    @staticmethod
    def forward(ctx: Any, kinds: Any, x: Tensor, w_c: Tensor, w_h: Tensor, b: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        attended, state = rest[:5], rest[5:]
        attending, stepping = kinds[0](len(x), *attended), Stepping(kinds[1], x, w_c, w_h, b)
        outputs = []
        for t in range(len(x)):
            context = attending.forward(t, state[0])
            state = stepping.forward(t, context, state)
            outputs.append(torch.cat([state[0], context], dim=1))
        ctx.save_for_backward(x, w_c, w_h, b, *rest)
        ctx.steps = attending, stepping
        # Copies, because the node must not hold what it returns.
        return torch.stack(outputs), *(part.clone() for part in state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_outputs: Tensor, *to_state: Tensor) -> tuple[Tensor | None, ...]:
        # Raises where a weight was changed in place since the forward pass.
        ctx.saved_tensors  # noqa: B018
        attending, stepping = ctx.steps
        for t in reversed(range(len(to_outputs))):
            to_output, to_context = to_outputs[t].chunk(2, dim=1)
            to_read, to_state = stepping.backward(t, (to_state[0] + to_output, *to_state[1:]))
            to_state = to_state[0] + attending.backward(t, to_context + to_read), *to_state[1:]
        return None, *stepping.gradients(), *attending.gradients(), *to_state


class UnrolledInputFeeding(torch.autograd.Function):
    """Returns h̃_t and the last state."""

    @staticmethod
    def forward(ctx: Any, kinds: Any, x: Tensor, w_c: Tensor, w_h: Tensor, b: Tensor, *rest: Any) -> tuple[Tensor, ...]:
        attended, w_o, output, state = rest[:5], rest[5], rest[6], rest[7:]
        attending, stepping = kinds[0](len(x), *attended), Stepping(kinds[1], x, w_c, w_h, b)
        joined, outputs = [], []
        for t in range(len(x)):
            state = stepping.forward(t, output, state)
            joined.append(torch.cat([attending.forward(t, state[0]), state[0]], dim=1))
            output = (joined[t] @ w_o).tanh_()
            outputs.append(output)
        ctx.save_for_backward(x, w_c, w_h, b, *rest)
        ctx.steps, ctx.joined, ctx.outputs = (attending, stepping), joined, outputs
        return torch.stack(outputs), *(part.clone() for part in state)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_outputs: Tensor, *to_state: Tensor) -> tuple[Tensor | None, ...]:
        # Raises where a weight was changed in place since the forward pass.
        w_o = ctx.saved_tensors[9]
        attending, stepping = ctx.steps
        to_output, to_sums = torch.zeros_like(to_outputs[0]), torch.empty_like(to_outputs)
        for t in reversed(range(len(to_outputs))):
            to_sums[t] = tanh_backward(to_output + to_outputs[t], ctx.outputs[t])
            to_context, to_first = (to_sums[t] @ w_o.t()).chunk(2, dim=1)
            to_first = to_first + attending.backward(t, to_context) + to_state[0]
            to_output, to_state = stepping.backward(t, (to_first, *to_state[1:]))
        to_w_o = over_steps(torch.stack(ctx.joined), to_sums)
        return None, *stepping.gradients(), *attending.gradients(), to_w_o, to_output, *to_state
