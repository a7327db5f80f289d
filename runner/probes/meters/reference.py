"""Fixed jobs of torch alone, beside which timings of different times, and speeds of mechanisms, can be set."""

from __future__ import annotations

from collections.abc import Callable

import torch

WIDTH, ROWS, LAYERS = 64, 256, 16
SIDE, SIDE_OF_ACCELERATORS = 512, 4096  # of the matrices of a product; smaller ones do not reach full speed


def reference_job(device: torch.device) -> Callable[[], None]:
    """Return a forward and a backward pass through LAYERS layers of tanh(x W): a few milliseconds on a processor.

    Nothing of the project is in it, so no change of a mechanism changes its time.
    """
    stream = torch.Generator().manual_seed(0)
    weight = (torch.randn(WIDTH, WIDTH, generator=stream) / WIDTH**0.5).to(device).requires_grad_()
    rows = torch.randn(ROWS, WIDTH, generator=stream).to(device)

    def job() -> None:
        hidden = rows
        for _ in range(LAYERS):
            hidden = torch.tanh(hidden @ weight)
        torch.autograd.grad(hidden.sum(), weight)

    return job


def matrix_product(device: torch.device) -> tuple[Callable[[], object], int]:
    """Return a product of two square matrices in float32, and its floating-point operations: two times the side cubed.

    It is about the fastest arithmetic of the device: every number is used as often as the side is long.
    """
    side = SIDE if device.type == "cpu" else SIDE_OF_ACCELERATORS
    stream = torch.Generator().manual_seed(0)
    one, other, out = (torch.randn(side, side, generator=stream).to(device) for _ in range(3))

    def job() -> object:
        return torch.mm(one, other, out=out)

    return job, 2 * side**3
