"""What a forward costs: floating-point operations counted by torch, and the bytes carried while decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mechanisms import SequenceModel, state_bytes


@dataclass(frozen=True)
class ModelCost:
    """What a model costs at a length; None where the model gives no formula, or does not decode."""

    counted: int
    analytic: int | None
    state: int | None


def cost_of(model: SequenceModel, length: int) -> ModelCost:
    """Count a forward of one row over length/2 source and length/2 query positions, and its state behind `length`."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = torch.randn(1, length, model.width, generator=torch.Generator().manual_seed(0)).to(device)
    source, query = x[:, : length // 2], x[:, length // 2 :]
    model.eval()
    with torch.no_grad():
        with counting() as counter:
            model(source, query)
        state = state_bytes(model.start(x)) if model.decodes else None
    return ModelCost(counter.get_total_flops(), model.flops(source.shape[1], query.shape[1]), state)


@contextmanager
def counting() -> Iterator[FlopCounterMode]:
    """Count the multiplications and additions of products of matrices and vectors, and of convolutions.

    The counter sees what runs call by call, so for its time oneDNN's and cuDNN's recurrent networks, which are one
    call of unknown content, and the fused kernels of attention, of which it does not know the processor's, give way
    to the same arithmetic step by step.
    """
    with ExitStack() as stack:
        # Setting allow_tf32 would warn on a processor that has none.
        stack.enter_context(torch.backends.mkldnn.flags(enabled=False, allow_tf32=None))
        stack.enter_context(torch.backends.cudnn.flags(enabled=False))
        stack.enter_context(sdpa_kernel(SDPBackend.MATH))
        yield stack.enter_context(FlopCounterMode(display=False, custom_mapping=_VECTORS))


def _matrix_vector(matrix: Sequence[int], vector: Sequence[int], **rest: object) -> int:
    return 2 * matrix[0] * matrix[1]


def _added_matrix_vector(start: Sequence[int], matrix: Sequence[int], vector: Sequence[int], **rest: object) -> int:
    return 2 * matrix[0] * matrix[1]


def _inner(one: Sequence[int], other: Sequence[int], **rest: object) -> int:
    return 2 * one[0]


# Torch's counter knows products of matrices alone.
_VECTORS: dict[Any, Any] = {
    torch.ops.aten.mv: _matrix_vector,
    torch.ops.aten.addmv: _added_matrix_vector,
    torch.ops.aten.dot: _inner,
}
