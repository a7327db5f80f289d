"""How many floating-point operations a call takes: products of matrices and vectors, counted by torch call by call."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


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
