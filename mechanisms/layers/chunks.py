"""Heads and chunks: how the mixers with matrix states cut their width and their length."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def split_heads(x: Float[Tensor, "*b d"], heads: int) -> Float[Tensor, "*b h p"]:
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)


def chunk_length(length: int, most: int) -> int:
    return max(1, min(length, most))


def filled(length: int, size: int) -> int:
    """Return the length of whole chunks, at least one."""
    return max(1, -(-length // size)) * size


def split_chunks(x: Float[Tensor, "b n h p"], size: int) -> Float[Tensor, "b c h l p"]:
    """Cut the length into chunks of `size`, at least one, the last filled up with zeros."""
    b, n, h, p = x.shape
    length = filled(n, size)
    if length > n:
        x = F.pad(x, (0, 0, 0, 0, 0, length - n))
    return x.reshape(b, length // size, size, h, p).transpose(2, 3)


def join_chunks(x: Float[Tensor, "b c h l p"], length: int) -> Float[Tensor, "b n hp"]:
    return x.transpose(2, 3).flatten(1, 2)[:, :length].flatten(2)


def preceding(states: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
    """Return the state before each chunk, given those behind them; the first is zero."""
    return torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], dim=1)
