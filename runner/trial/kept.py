"""What a trial keeps of its trained network: the attention weights of a few test examples, to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from results import Array
from tasks import Batch, Part, Task

from ..probes import Subject
from ..training.weights import attention_weights

DTYPE = "float16"
"""Half precision: a weight of up to 1 has an error of at most 1/4096."""

DRAWN = 16  # examples, of which those with links are taken first


def kept_weights(subject: Subject, count: int) -> Iterator[Array]:
    """Yield the weights of `count` examples: an array "weights" of shape (head, query, key) for each layer.

    Its queries are the scored ones. Its coordinates are example and layer, from 1; the words of the queries, of their
    answers and of the keys; the number of `source` positions, which are the first keys; and `links`, as pairs of query
    and key. Examples are those at the trained length, the same for every mechanism with the same seed.
    """
    task, stream = subject.task, subject.generator("kept")
    batch = task.sample(subject.length, max(DRAWN, count), stream).to(subject.device)
    if batch.links is not None:
        linked = (batch.links & batch.scored[:, :, None]).any(2).any(1)
        batch = batch.rows(torch.argsort((~linked).int(), stable=True))
    batch = batch.rows(torch.arange(count, device=batch.query.device))
    layers = attention_weights(subject.network, batch)
    for example in range(count if layers else 0):
        scored, at = batch.scored[example], _described(task, batch, example)
        for layer, weights in enumerate(layers, start=1):
            shown = weights[example][:, scored].cpu().numpy().astype(DTYPE)
            keys = at["keys"][: shown.shape[2]]
            where = {"example": example + 1, "layer": layer, **at, "keys": keys}
            yield Array("weights", shown.shape, DTYPE, shown.tobytes(), where)


def _described(task: Task, batch: Batch, example: int) -> dict[str, Any]:
    scored, source, query = batch.scored[example], batch.source[example], batch.query[example]
    links = [] if batch.links is None else batch.links[example][scored].nonzero().tolist()
    return {
        "queries": _words(task, "query", query[scored]),
        "answers": _words(task, "target", batch.target[example][scored]),
        "keys": [*_words(task, "source", source), *_words(task, "query", query)],
        "source": len(source),
        "links": links,
    }


def _words(task: Task, part: Part, tokens: Tensor) -> Sequence[str]:
    """Return the word of each token; of vectors, their positions from 1; of real numbers, two digits."""
    if tokens.dim() > 1:
        return [str(position) for position in range(1, len(tokens) + 1)]
    if tokens.is_floating_point():
        return [f"{number:.2f}" for number in tokens.tolist()]
    words = task.words(part)
    return [words[token] for token in tokens.tolist()]
