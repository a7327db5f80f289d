"""The same ends on every mechanism: embeddings in front, a readout behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from mechanisms import SequenceModel
from tasks import Batch, Classes, Features, Scalar, Task, Tokens

from . import seeds


def _front(space: Tokens | Features, width: int) -> nn.Module:
    # nn.Embedding draws from N(0, 1): embeddings of unit variance.
    return nn.Embedding(space.size, width) if isinstance(space, Tokens) else nn.Linear(space.size, width)


class Ends(nn.Module):
    """Embeds sources and queries of a task, and reads answers out of what a mechanism made of them.

    Equal source and query spaces are one vocabulary and share one embedding.
    """

    def __init__(
        self, width: int, source_space: Tokens | Features, query_space: Tokens, target_space: Classes | Scalar
    ) -> None:
        super().__init__()
        self.spaces = {"source": source_space, "query": query_space}
        self.source = _front(source_space, width)
        self.query = self.source if source_space == query_space else _front(query_space, width)
        self.scalar = isinstance(target_space, Scalar)
        self.readout = nn.Linear(width, 1 if isinstance(target_space, Scalar) else target_space.size)

    def embed(
        self, source: Int[Tensor, "b s"] | Float[Tensor, "b s f"], query: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b s d"], Float[Tensor, "b q d"]]:
        return self.source(source), self.query(query)

    def read(self, hidden: Float[Tensor, "n d"]) -> Float[Tensor, "n c"] | Float[Tensor, "n"]:
        output = cast(Tensor, self.readout(hidden))
        return output.squeeze(1) if self.scalar else output

    def loss(
        self, output: Float[Tensor, "n c"] | Float[Tensor, "n"], target: Shaped[Tensor, "n"], reduction: str = "mean"
    ) -> Float[Tensor, ""]:
        """Return the cross-entropy in nats, or the squared error of scalar answers."""
        if self.scalar:
            return F.mse_loss(output, target, reduction=reduction)
        return F.cross_entropy(output, target, reduction=reduction)


class Network(nn.Module):
    """A mechanism between a task's ends."""

    def __init__(self, model: SequenceModel, ends: Ends) -> None:
        super().__init__()
        self.model, self.ends = model, ends

    @classmethod
    def for_task(cls, model: SequenceModel, task: Task, width: int) -> Network:
        return cls(model, Ends(width, task.source_space, task.query_space, task.target_space))

    def forward(self, batch: Batch) -> Float[Tensor, "n c"] | Float[Tensor, "n"]:
        """Return the outputs at the n scored positions of the batch, row after row.

        The readout sees scored positions only: with a large vocabulary it would else cost most of the step.
        """
        hidden = self.model(*self.ends.embed(batch.source, batch.query))
        return self.ends.read(hidden[batch.scored])

    def load_from(self, other: Network) -> None:
        """Start from what `other` has learnt: its mechanism, and the embeddings of vocabularies that are the same."""
        self.model.load_state_dict(other.model.state_dict())
        for part, space in self.ends.spaces.items():
            same = next((name for name, known in other.ends.spaces.items() if known == space), None)
            if same is not None:
                getattr(self.ends, part).load_state_dict(getattr(other.ends, same).state_dict())


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation inside the block, without gradients, and give its mode back as it was."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)


def parameter_count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" is cuda, else mps, else cpu."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def on_meta(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """Build a module that has shapes and no numbers. What it raises is passed on."""
    with seeds.scoped("meta"), torch.device("meta"):
        return build()
