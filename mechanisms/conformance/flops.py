"""The figure of a formula for floating-point operations is held to what is counted."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from registry import CheckError

from ..operations import counting
from .expect import without_shape_checks

FACTOR = 2
"""A formula may differ by this factor from what is counted: kernels pad, and compute what a mask hides."""


class _Elements(TorchDispatchMode):
    """Counts the numbers that are computed, by whatever operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        if isinstance(output, Tensor):
            self.total += output.numel()
        return output


def expect_flops(figure: int, work: Callable[[], Tensor], what: str, *, padded: bool = False) -> None:
    """Expect a figure between half of the products that `work` takes, and twice the products and all other results.

    A formula may count what is not a product, such as a sum or an exponential. Where most of the work may be padding,
    which it may leave out, it only has to give one operation for each number in the output.
    """
    with torch.no_grad(), without_shape_checks(), counting() as counter, _Elements() as elements:
        output = work()
    products = counter.get_total_flops()
    lowest = max(output.numel(), 0 if padded else products // FACTOR)
    highest = FACTOR * (products + elements.total)
    if not lowest <= figure <= highest:
        raise CheckError(
            f"flops gives {figure:,} operations for {what}, and torch counts {products:,} in products: the formula may "
            f"give {lowest:,} to {highest:,}, because sums and exponentials may count too. Is it for one example, with "
            "two operations for a multiplication and an addition?"
        )
