"""Randomness as an argument: every random stream is derived from the fields that name it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(*fields: object) -> int:
    """Return a 63-bit seed that depends on all `fields` (JSON values) and on nothing else."""
    text = json.dumps(fields, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device, *fields: object) -> torch.Generator:
    """Return a fresh generator on `device`, seeded by `fields`."""
    # No generator lives on Apple's device in every torch this runs on; there the data are drawn on the CPU.
    home = torch.device("cpu") if device.type == "mps" else device
    return torch.Generator(device=home).manual_seed(derive(*fields))


@contextmanager
def scoped(*fields: object) -> Iterator[None]:
    """Seed torch's global CPU generator inside the block and give it back as it was.

    Modules initialise themselves from the global generator and take no other, so building one is
    the only thing done under this.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(*fields))
        yield
