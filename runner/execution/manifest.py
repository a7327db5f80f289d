"""The manifest of a run: the suite, the machine, and the versions of the software."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from results.store.files import remove_unfinished, write_text

from ..plugins import IN_CHECKOUT, ROOT
from ..suite.file import SuiteFile
from ..suite.plan import Plan
from ..trial.machine import cores, device_name, limiting_quota, processor

MANIFEST = "manifest.json"


def describe(device: str | None = None) -> dict[str, str | int | float]:
    """Return the machine and the versions that results depend on. It imports torch only for the name of a device."""
    environment: dict[str, str | int | float] = {
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": len(cores()),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }
    if (limit := limiting_quota()) is not None:
        environment["quota"] = f"{limit:g} cores"
    if device is not None:
        environment["device"] = device_name(device)
    return environment


def commit() -> str | None:
    """Return the abbreviated commit of the project, with a plus sign if files differ from it."""
    if not IN_CHECKOUT:
        return None  # the repository around an installed copy is another's
    try:
        where = ["git", "-C", str(ROOT)]
        head = subprocess.run([*where, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run([*where, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


def write_manifest(file: SuiteFile, plan: Plan, folder: Path) -> None:
    """Write the resolved suite and the environment beside the results."""
    manifest: dict[str, Any] = {
        "format": 1,
        "name": plan.name,
        "suite_file": str(file.path),
        "suite": file.suite.model_dump(mode="json"),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "environment": describe(plan.device),
        "plugins": [asdict(origin) for origin in plan.plugins],
        "unavailable": plan.unavailable,
        "timings": plan.timings,
    }
    path = folder / MANIFEST
    text = json.dumps(manifest, indent=2, sort_keys=True)
    if _without_date(_read(folder)) == _without_date(json.loads(text)):
        remove_unfinished(path)
        return  # only the date would change, and the report would be made again
    write_text(path, f"{text}\n")


def timings_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the timings of an earlier plan of the run in `folder`, none where there is no readable manifest."""
    timings = _read(folder).get("timings")
    return {key: each for key, each in timings.items() if _is_timing(each)} if isinstance(timings, dict) else {}


def _is_timing(found: Any) -> bool:
    times = [found.get(name) for name in ("seconds", "first_seconds")] if isinstance(found, dict) else [None]
    return all(isinstance(time, float) and 0 < time < math.inf for time in times)


def _read(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _without_date(manifest: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in manifest.items() if key != "created"}
