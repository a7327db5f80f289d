"""A fixed job of torch alone, by which timings of different times can be set beside one another."""

from __future__ import annotations

from collections.abc import Callable

import torch

WIDTH, ROWS, LAYERS = 64, 256, 16


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
