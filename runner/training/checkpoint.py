"""Training state on disk, written so that a kill at any moment leaves the old one or the new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    # weights_only reads tensors and plain containers and runs nothing that stands in the file.
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
