"""The properties of the machine that timings depend on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def cores() -> list[int]:
    """Return the cores that this process may use, or all cores if the system does not say."""
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
    """Return the machine as a part of the keys of timed trials: processor, number of usable cores, accelerator."""
    many = len(cores())
    parts = [processor(), f"{many} core{'s' if many > 1 else ''}", *([] if device == "cpu" else [device_name(device)])]
    return ", ".join(parts)
