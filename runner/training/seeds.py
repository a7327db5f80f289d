"""Random streams: each is seeded from the fields that identify it."""

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
    """Return a 63-bit seed that depends only on the `fields`, which are plain values."""
    text = json.dumps(fields, sort_keys=True, default=repr)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(device: torch.device, *fields: object) -> torch.Generator:
    """Return a new generator on `device`, seeded with `fields`."""
    # Some supported versions of torch have no generator on mps, so data are sampled on the CPU.
    home = torch.device("cpu") if device.type == "mps" else device
    return torch.Generator(device=home).manual_seed(derive(*fields))


@contextmanager
def scoped(*fields: object) -> Iterator[None]:
    """Seed the global CPU generator of torch inside the block, and restore it after it.

    It is used only to build modules, which take their initial weights from the global generator.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(derive(*fields))
        yield


@contextmanager
def process(*fields: object) -> Iterator[None]:
    """Seed all global generators of the process inside the block, and restore them after it.

    They are those of torch, Python and NumPy. A module may use them in training, as dropout does.
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
    """Return the states of the global generators of the process, as tensors and plain values."""
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
