"""Heads and chunks: how the mixers with matrix states split the width and the length."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def split_heads(x: Float[Tensor, "*b d"], heads: int) -> Float[Tensor, "*b h p"]:
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)


def chunk_length(length: int, maximum: int) -> int:
    return max(1, min(length, maximum))


def padded_length(length: int, size: int) -> int:
    """Return the smallest multiple of `size` that is at least `length`, and at least `size`."""
    return max(1, -(-length // size)) * size


def split_chunks(x: Float[Tensor, "b n h p"], size: int) -> Float[Tensor, "b c h l p"]:
    """Split the length into chunks of `size`, at least one; the last chunk is padded with zeros."""
    b, n, h, p = x.shape
    length = padded_length(n, size)
    if length > n:
        x = F.pad(x, (0, 0, 0, 0, 0, length - n))
    return x.reshape(b, length // size, size, h, p).transpose(2, 3)


def join_chunks(x: Float[Tensor, "b c h l p"], length: int) -> Float[Tensor, "b n hp"]:
    return x.transpose(2, 3).flatten(1, 2)[:, :length].flatten(2)


def initial_states(states: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
    """Return the state before each chunk, given the states after the chunks; the first is zero."""
    return torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)
