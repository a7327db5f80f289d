"""The state of training on disk, written atomically: after a kill, either the old or the new state is there."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import sys
from pathlib import Path
from typing import Any

import torch

from results.store.files import replacing

SEAL = hashlib.sha256().digest_size


class Checkpoint:
    """The state of training of one trial, in one file for each stage of its training.

    A checkpoint only saves time. So one that cannot be read begins the training anew, and one that cannot be written
    does not end it; the log of the trial says so.
    """

    def __init__(self, folder: Path, key: str, stage: str = "training") -> None:
        self._folder, self._key, self._stage = folder, key, stage
        self._path = folder / f"{key}.{stage}.pt"

    def stage(self, stage: str) -> Checkpoint:
        """Return the checkpoint of another stage of the same trial."""
        return Checkpoint(self._folder, self._key, stage)

    def load(self) -> dict[str, Any] | None:
        """Return the saved state, on the CPU, or None if there is none of this trial, this stage and this torch."""
        if not self._path.is_file():
            return None
        try:
            written = self._path.read_bytes()
            if written[:SEAL] != self._seal(written[SEAL:]):
                raise ValueError("it is damaged, of another trial, or of another version of torch")
            # weights_only reads tensors and plain containers, and executes no code from the file.
            state: dict[str, Any] = torch.load(io.BytesIO(written[SEAL:]), map_location="cpu", weights_only=True)
        except Exception as error:
            _note(f"the checkpoint {self._path.name} is left out, and training begins anew: {error}")
            return None
        return state

    def save(self, state: dict[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        content = buffer.getvalue()
        try:
            with replacing(self._path) as file:
                file.write(self._seal(content))
                file.write(content)
        except OSError as error:
            _note(f"the checkpoint {self._path.name} cannot be written, and training goes on: {error.strerror}")

    def clear(self) -> None:
        """Remove the saved states of all stages of the trial, and what a killed process left of one."""
        key = glob.escape(self._key)
        for file in [*self._folder.glob(f"{key}.*.pt"), *self._folder.glob(f".{key}.*")]:
            with contextlib.suppress(OSError):
                file.unlink()

    def _seal(self, content: bytes) -> bytes:
        """Return a digest of a state and of what it is a state of, since a changed byte would give a wrong result."""
        return hashlib.sha256(f"{self._key} {self._stage} {torch.__version__}\n".encode() + content).digest()


def _note(sentence: str) -> None:
    with contextlib.suppress(OSError):  # the disk that holds the log may be full
        print(sentence, file=sys.stderr, flush=True)
