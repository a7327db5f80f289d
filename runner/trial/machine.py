"""The properties of the machine that timings depend on."""

from __future__ import annotations

import os
import platform
import zlib
from pathlib import Path

from .quota import quota


def cores() -> list[int]:
    """Return the cores to use: of those that this process may run on, as many as it has whole cores of time, or one."""
    usable, limit = _usable(), limiting_quota()
    if limit is None:
        return usable
    # Containers on one machine would else all use its first cores.
    first = zlib.crc32(platform.node().encode()) % len(usable)
    return sorted((usable[first:] + usable[:first])[: max(1, int(limit))])


def limiting_quota() -> float | None:
    """Return the quota of processor time, in cores, where it is below the number of cores, else None."""
    limit = quota()
    return limit if limit is not None and limit < len(_usable()) else None


def _usable() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device_name(device: str) -> str:
    """Return the name of a device, with its model for an accelerator."""
    if not device.startswith("cuda"):
        return device
    import torch

    return f"{device}: {torch.cuda.get_device_name(torch.device(device))}"


def machine(device: str) -> str:
    """Return the machine as a part of the keys of timed trials: processor, cores, their quota, accelerator."""
    many, limit = len(cores()), limiting_quota()
    parts = [processor(), f"{many} core{'s' if many > 1 else ''}"]
    if limit is not None:
        parts.append(f"quota of {limit:g} cores")
    if device != "cpu":
        parts.append(device_name(device))
    return ", ".join(parts)
