"""What the answer of a network depends on: effects of the source positions on its log-probability."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tasks import Batch

from ...training.network import Network


def gradient_times_input(network: Network, batch: Batch, query: Int[Tensor, "b"]) -> Float[Tensor, "b s"]:
    """Return |gradient x input| of the log-probability of the answer to each example's `query`."""
    source, asked = (each.detach() for each in network.embedding(batch.source, batch.query))
    source.requires_grad_()
    # The recurrent kernels of cuDNN have no backward pass outside training mode.
    with torch.backends.cudnn.flags(enabled=False):
        total = _log_probability(network, source, asked, batch, query).sum()
        (gradient,) = torch.autograd.grad(total, source, allow_unused=True, materialize_grads=True)
    effect: Tensor = (gradient * source.detach()).sum(2).abs()
    return effect


@torch.no_grad()
def leave_one_out(network: Network, batch: Batch, query: Int[Tensor, "b"]) -> Float[Tensor, "b s"]:
    """Return by how much that log-probability changes where the embedding of one source position becomes zeros."""
    source, asked = network.embedding(batch.source, batch.query)
    whole, changes = _log_probability(network, source, asked, batch, query), []
    for place in range(source.shape[1]):
        left = source.clone()
        left[:, place] = 0
        changes.append((whole - _log_probability(network, left, asked, batch, query)).abs())
    return torch.stack(changes, dim=1)


def _log_probability(
    network: Network, source: Float[Tensor, "b s d"], asked: Float[Tensor, "b q d"], batch: Batch, query: Tensor
) -> Float[Tensor, "b"]:
    examples = torch.arange(len(query), device=query.device)
    output = network.readout(network.model(source, asked)[examples, query]).log_softmax(1)
    chosen: Tensor = output[examples, batch.target[examples, query]]
    return chosen
