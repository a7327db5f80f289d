"""Peak memory of a piece of work, counted exactly by the allocator rather than sampled."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function

SECOND = "the second run"


def peak_bytes(work: Callable[[], object], device: torch.device) -> float:
    """Return how far the allocated bytes rise, while `work` runs, above what is allocated before it.

    On CUDA from the allocator's statistics. Elsewhere from the profiler's record of every CPU allocation (tensors that
    live on another device than these two are not seen). The profiler knows only what was allocated while it recorded,
    so there `work` runs twice: the first run allocates what the second one may free, such as the gradients of the
    training step before.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        torch.cuda.synchronize(device)
        return float(torch.cuda.max_memory_allocated(device) - before)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        work()
        with record_function(SECOND):
            work()
    # The public event list attributes most allocations to operators and so loses their order; this one has all.
    raw: Any = record.profiler
    events = sorted(raw.kineto_results.events(), key=lambda event: event.start_ns())
    begin = next(event.start_ns() for event in events if event.name() == SECOND)
    changes = [event.nbytes() for event in events if event.name() == "[memory]" and event.start_ns() >= begin]
    return float(max(accumulate(changes, initial=0)))
