"""Randomness as an argument: every random stream is derived from the fields that name it."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def derive(*fields: object) -> int:
    """Return a 63-bit seed that depends on all `fields` (plain values) and on nothing else."""
    text = json.dumps(fields, sort_keys=True, default=repr)
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


@contextmanager
def process(*fields: object) -> Iterator[None]:
    """Seed every global generator of the process inside the block, and give them back as they were.

    They are those of torch, of Python and of NumPy: a module may draw from them while it trains, as dropout does.
    """
    before, seed = global_state(), derive(*fields)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        load_global_state(before)


def global_state() -> dict[str, Any]:
    """Return the states of the process's global generators, as tensors and plain values."""
    name, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (name, torch.from_numpy(np.asarray(keys, dtype=np.int64)), *rest),
    }


def load_global_state(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    name, keys, *rest = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
