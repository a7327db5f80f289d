"""The processor time that a container may use, in cores."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def quota(root: Path = Path("/")) -> float | None:
    """Return the number of cores whose time this process may use, None where nothing limits it or can be read.

    The limit of a control group holds for all groups below it, so the smallest one counts. `root` is the root folder.
    """
    found = [limit for group in _groups(root) if (limit := _limit(group)) is not None]
    return min(found, default=None)


def _groups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups and those above, where they can be seen from here."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has no names of controllers here; version 1 has a folder named after them.
        for name in (controllers, "cpu") if controllers else ("", "unified"):
            mounted = root / "sys/fs/cgroup" / name
            # A container may see its own group as the root, and read the path that the host has for it.
            group = PurePosixPath(path.lstrip("/"))
            yield from (mounted / each for each in (group, *group.parents) if ".." not in each.parts)


def _limit(group: Path) -> float | None:
    for read in (_version_2, _version_1):
        try:
            quota, period = read(group)
        except (OSError, ValueError):
            continue
        limit = quota / period if quota > 0 and period > 0 else math.inf
        return limit if math.isfinite(limit) else None
    return None


def _version_2(group: Path) -> tuple[float, float]:
    quota, period = (group / "cpu.max").read_text().split()
    return (-1.0 if quota == "max" else float(quota)), float(period)


def _version_1(group: Path) -> tuple[float, float]:
    return float((group / "cpu.cfs_quota_us").read_text()), float((group / "cpu.cfs_period_us").read_text())
