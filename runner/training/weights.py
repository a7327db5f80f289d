"""The attention weights of a network, over the source positions of a batch."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mechanisms import traced
from tasks import Batch

from .network import Network, evaluating


def attention_weights(network: Network, batch: Batch) -> list[Float[Tensor, "b h q k"]]:
    """Return the weights of the queries in each layer, the last layer last; none where the model has no attention.

    The first keys are the source positions. In a stream model the query positions follow them. Weights over anything
    else are left out.
    """
    with evaluating(network), traced(network.model):
        network(batch)
    source, queries = batch.source.shape[1], batch.query.shape[1]
    return [
        weights
        for weights in network.model.weights()
        if weights.shape[2] == queries and weights.shape[3] in (source, source + queries)
    ]
