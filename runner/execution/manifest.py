"""What a run ran on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from ..suite.file import SuiteFile
from ..suite.plan import Plan
from ..suite.schema import Suite

ROOT = Path(__file__).resolve().parents[2]


def cores() -> list[int]:
    """Return the processor cores this process may use (all of them where the system does not say)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def describe(device: str | None = None) -> dict[str, str | int | float]:
    """Return the machine and the versions that results depend on. Imports torch only to name a device."""
    environment: dict[str, str | int | float] = {
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(cores()),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }
    if device is not None:
        environment["device"] = _device(device)
    return environment


def commit() -> str | None:
    """Return the abbreviated commit of the project, with a plus sign where files differ from it."""
    try:
        where = ["git", "-C", str(ROOT)]
        head = subprocess.run([*where, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*where, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _device(name: str) -> str:
    if not name.startswith("cuda"):
        return name
    import torch

    return f"{name}: {torch.cuda.get_device_name(torch.device(name))}"


def write_manifest(file: SuiteFile, plan: Plan, folder: Path) -> None:
    device = plan.cells[0].device if plan.cells else "cpu"
    manifest: dict[str, Any] = {
        "format": 1,
        "name": plan.name,
        "suite_file": str(file.path),
        "suite": Suite.model_dump(file.suite, mode="json"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "environment": describe(device),
        "plugins": [asdict(origin) for origin in plan.plugins],
        "unavailable": plan.unavailable,
    }
    path = folder / "manifest.json"
    if path.exists() and _without_date(json.loads(path.read_text(encoding="utf-8"))) == _without_date(manifest):
        return  # nothing but the date would change, and a report of it would be drawn again
    part = path.with_suffix(".part")
    part.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    part.replace(path)


def _without_date(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "created"}
