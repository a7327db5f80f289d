"""The norms of a step's gradient by part of the network, read when the network is evaluated."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from .network import Network

CONTAINERS = ("model", "stack", "blocks", "network")
"""Attributes that hold all layers of a mechanism, and so tell nothing about a parameter."""


def part_of(name: str) -> str:
    """Return the part of a network that has the parameter `name`: "embedding", "layer 2", "encoder layer 1", "readout".

    Layers are counted from 1. What is in no layer is called after the first attribute that tells something.
    """
    *path, last = name.split(".")
    # Torch's recurrent networks have the number of the layer in the names of the parameters.
    numbered = re.fullmatch(r"(?:weight|bias)_[ih]h_l(\d+)(?:_reverse)?", last)
    words: list[str] = []
    for word in [*path, *([numbered[1]] if numbered else [])]:
        if word.isdigit():
            return " ".join([*words, f"layer {int(word) + 1}"])
        words += [] if word in CONTAINERS else [word]
    return words[0] if words else last


def gradient_norms(network: Network, total: Tensor, clip: float) -> dict[str, float]:
    """Return the norm of the gradient of each part before clipping, where `total` is that of the whole network.

    The gradients are still those of the last step, which clipping has multiplied by min(1, clip / total): so a step
    that no evaluation follows costs nothing.
    """
    kept = [(part_of(name), p.grad) for name, p in network.named_parameters() if p.grad is not None]
    norms = torch.stack([gradient.norm() for _, gradient in kept])
    # As clip_grad_norm_ has it, with its 1e-6 against a division by zero.
    unclipped = (norms * ((total + 1e-6) / clip).clamp(min=1.0)).tolist()
    squares: dict[str, float] = {}
    for (part, _), norm in zip(kept, unclipped, strict=True):
        squares[part] = squares.get(part, 0.0) + norm**2
    return {part: square**0.5 for part, square in squares.items()}
