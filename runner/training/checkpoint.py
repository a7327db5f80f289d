"""The state of training on disk, written atomically: after a kill, either the old or the new state is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from results.store.files import replacing


class Checkpoint:
    """The state of training of one trial, in one file for each stage of its training."""

    def __init__(self, folder: Path, key: str, stage: str = "training") -> None:
        self._folder, self._key = folder, key
        self._path = folder / f"{key}.{stage}.pt"

    def stage(self, stage: str) -> Checkpoint:
        """Return the checkpoint of another stage of the same trial."""
        return Checkpoint(self._folder, self._key, stage)

    def load(self) -> dict[str, Any] | None:
        """Return the saved state, on the CPU, or None if there is none."""
        if not self._path.is_file():
            return None
        # weights_only reads tensors and plain containers, and executes no code from the file.
        state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        return state

    def save(self, state: dict[str, Any]) -> None:
        with replacing(self._path) as file:
            torch.save(state, file)

    def clear(self) -> None:
        """Remove the saved states of all stages of the trial."""
        for file in self._folder.glob(f"{self._key}.*.pt"):
            file.unlink(missing_ok=True)
