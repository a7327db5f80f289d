"""Wall time of repeated work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch


def repeat(
    work: Callable[[], object] | None,
    seconds: float,
    device: torch.device,
    *,
    prepare: Callable[[], Callable[[], object]] | None = None,
    warm_up: bool = True,
    least: int = 3,
) -> list[float]:
    """Return the wall seconds of repeated calls: for about `seconds` in all, and at least `least` of them.

    With `prepare`, each repeat first makes its work, outside the clock. The first call is a warm-up and does not
    count, unless the work has been done before.
    """
    times: list[float] = []
    while len(times) < least + warm_up or sum(times) < seconds:
        task = prepare() if prepare is not None else work
        assert task is not None
        synchronise(device)
        begin = time.perf_counter()
        task()
        synchronise(device)
        times.append(time.perf_counter() - begin)
    return times[warm_up:]


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = torch.tensor(values, dtype=torch.float64).quantile(torch.tensor([0.25, 0.5, 0.75]).double())
    return float(low), float(median), float(high)
