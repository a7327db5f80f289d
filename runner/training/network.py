"""A mechanism with an embedding in front and a readout behind, the same for every mechanism."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mechanisms import SequenceModel
from tasks import Batch, Features, TargetSpace, Task, Tokens

from . import seeds


class Embedding(nn.Module):
    """Embeds the sources and the queries of a task. Equal spaces are one vocabulary and share one embedding."""

    def __init__(self, width: int, source_space: Tokens | Features, query_space: Tokens) -> None:
        super().__init__()
        self.spaces = {"source": source_space, "query": query_space}
        self.source = _embedding(source_space, width)
        self.query = self.source if source_space == query_space else _embedding(query_space, width)

    def forward(
        self, source: Int[Tensor, "b s"] | Float[Tensor, "b s f"], query: Int[Tensor, "b q"]
    ) -> tuple[Float[Tensor, "b s d"], Float[Tensor, "b q d"]]:
        return self.source(source), self.query(query)

    def load_from(self, other: Embedding) -> None:
        """Copy the embeddings of the vocabularies that `other` has too."""
        for part, space in self.spaces.items():
            same = next((name for name, known in other.spaces.items() if known == space), None)
            if same is not None:
                getattr(self, part).load_state_dict(getattr(other, same).state_dict())


def _embedding(space: Tokens | Features, width: int) -> nn.Module:
    # nn.Embedding draws from N(0, 1): embeddings of unit variance.
    return nn.Embedding(space.size, width) if isinstance(space, Tokens) else nn.Linear(space.size, width)


class Network(nn.Module):
    """An embedding, a mechanism and a readout: from the batches of a task to one output for each answer.

    The space of the targets says what the loss of an output is, and whether it is right.
    """

    def __init__(
        self,
        model: SequenceModel,
        width: int,
        source_space: Tokens | Features,
        query_space: Tokens,
        target_space: TargetSpace,
    ) -> None:
        super().__init__()
        self.model = model
        self.embedding = Embedding(width, source_space, query_space)
        self.readout = nn.Linear(width, target_space.size)
        self.target_space = target_space

    @classmethod
    def for_task(cls, model: SequenceModel, task: Task, width: int) -> Network:
        return cls(model, width, task.source_space, task.query_space, task.target_space)

    def forward(self, batch: Batch) -> Float[Tensor, "n c"]:
        """Return the outputs at the n scored positions of the batch, row after row.

        The readout is applied to scored positions only: with a large vocabulary, all positions would take most of the
        time of a step.
        """
        hidden = self.model(*self.embedding(batch.source, batch.query))
        output: Tensor = self.readout(hidden[batch.scored])
        return output

    def load_from(self, other: Network) -> None:
        """Copy what `other` has learnt: its mechanism, and the embeddings of the vocabularies that both have."""
        self.model.load_state_dict(other.model.state_dict())
        self.embedding.load_from(other.embedding)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluate a module without gradients inside the block, and restore its mode after it."""
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
    """Return the device called `name`; "auto" is the first of cuda, mps and cpu that exists."""
    if name != "auto":
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def on_meta(build: Callable[[], torch.nn.Module]) -> torch.nn.Module:
    """Build a module on the meta device, with shapes but without values. Errors are passed on."""
    with seeds.scoped("meta"), torch.device("meta"):
        return build()
