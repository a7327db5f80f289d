"""Random tokens, and a network around an untrained mechanism that reads them: what speed and memory are measured on."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks import Batch, Classes, Tokens

from ...training.network import Network
from ...training.seeds import scoped
from ..probe import Subject

VOCABULARY = 64


def random_text_network(subject: Subject) -> Network:
    """Return a freshly initialised mechanism with embedding and readout, on the device of the subject."""
    space = Tokens(VOCABULARY)
    with scoped("embedding and readout"):
        network = Network(subject.build(), subject.recipe.width, space, space, Classes(VOCABULARY))
    return network.to(subject.device)


def random_text(subject: Subject, rows: int, length: int) -> Tensor:
    stream = subject.generator("tokens")
    return torch.randint(VOCABULARY, (rows, length), generator=stream, device=stream.device).to(subject.device)


def random_text_batch(subject: Subject, rows: int, length: int) -> Batch:
    """Return a batch whose first half of positions is read, and whose second half are queries, all scored."""
    tokens = random_text(subject, rows, length)
    source, query = tokens[:, : length // 2], tokens[:, length // 2 :]
    return Batch(source=source, query=query, target=query, scored=torch.ones_like(query, dtype=torch.bool))
