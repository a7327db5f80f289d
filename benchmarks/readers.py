"""Readers that cannot attend: each sees a few features of the source, or of the queries, and fits one hidden layer.

Every reader answers a query from its features, the token of the query and the position of the query. It is fitted on
one sample, keeps the state that is best on a second one, and is scored on a third.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle, islice
from typing import ClassVar, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from tasks import Batch, Task

WORDS = 4  # at the beginning, at the end, or before a query
HIDDEN = 64
COMMONEST = 4096  # features with a weight of their own
FEATURES_FROM = 4096  # examples in which they are counted
MOST_OCCURRENCES = 128  # of one n-gram that are told apart
BATCHES = (64, 128)  # examples of a step: the fewest and the most
ANSWERS = 1024  # of a step, if the size of the batch allows it
EVERY, PATIENCE = 40, 6  # steps between validations, and validations without progress after which fitting ends
SOLVED = 1e-3  # the loss that leaves nothing to learn

Read: TypeAlias = Callable[[Task, Batch], Tensor]
"""Returns numbers of features (as many for each example, or for each query), or vectors."""


class Samples(NamedTuple):
    fit: Batch
    validation: Batch
    test: Batch


def ngrams(n: int) -> Read:
    """Return a reader of the n-grams of the source without their order, and of how often each occurs."""

    def read(task: Task, batch: Batch) -> Tensor:
        return with_occurrences(codes(batch.source, n, task.source_space.size))

    return read


def codes(tokens: Tensor, n: int, size: int) -> Tensor:
    """Return the number of each n-gram; none where there are fewer than n tokens."""
    count = max(tokens.shape[1] - n + 1, 0)
    return sum((tokens[:, at : at + count] * size**at for at in range(n)), torch.zeros_like(tokens[:, :count]))


def with_occurrences(code: Tensor) -> Tensor:
    """Number the occurrences of each code in a row, so that a sum of weights can be any function of the count."""
    ordered, order = code.sort(dim=1)
    place = torch.arange(code.shape[1]).expand_as(code)
    starts = torch.ones_like(code, dtype=torch.bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    occurrence = place - torch.where(starts, place, 0).cummax(1).values if code.shape[1] else place
    numbered = ordered * MOST_OCCURRENCES + occurrence.clamp_max(MOST_OCCURRENCES - 1)
    return torch.empty_like(code).scatter_(1, order, numbered)


def first(task: Task, batch: Batch) -> Tensor:
    return by_place(task, batch.source[:, :WORDS])


def last(task: Task, batch: Batch) -> Tensor:
    return by_place(task, batch.source[:, -WORDS:])


def by_place(task: Task, part: Tensor) -> Tensor:
    """Number tokens by their place too; of vectors, all numbers in order are one vector."""
    if not task.source_space.discrete:
        return part.flatten(1).unsqueeze(1)
    return part + task.source_space.size * torch.arange(part.shape[1])


def vectors(task: Task, batch: Batch) -> Tensor:
    return batch.source


def queries(task: Task, batch: Batch) -> Tensor:
    """Number the tokens of the queries before each, by their distance, and of those after it if it may see them."""
    count, nothing = batch.query.shape[1], task.query_space.size
    padded = nn.functional.pad(batch.query, (WORDS, WORDS), value=nothing)
    moves = [move for move in range(-WORDS, WORDS + 1) if move < 0 or (move > 0 and not task.causal)]
    seen = [padded[:, WORDS + move : WORDS + move + count] + index * (nothing + 1) for index, move in enumerate(moves)]
    return torch.stack(seen, dim=2)


def readers_of(task: Task, batch: Batch) -> Mapping[str, Read]:
    """Return the readers that a task has something for, by their names in READERS."""
    found: dict[str, Read] = {}
    if batch.source.shape[1] > 1:
        if task.source_space.discrete:
            names = ("bag", "bigrams", "trigrams")[: batch.source.shape[1]]
            found |= {name: ngrams(n) for n, name in enumerate(names, start=1)}
        else:
            found |= {"set": vectors}
        found |= {"first 4": first, "last 4": last}
    if len(torch.unique(batch.query[:, 1:])) > 1:
        found |= {"queries": queries}
    return found


class Counted(nn.Module):
    """Adds a weight vector for each feature that is common in the fit sample."""

    steps: ClassVar[int] = 400
    rate: ClassVar[float] = 2e-2

    def __init__(self, numbers: Tensor) -> None:
        super().__init__()
        found, counts = torch.unique(numbers[:FEATURES_FROM], return_counts=True)
        self.common = found[counts.topk(min(COMMONEST, len(found))).indices].sort().values
        # The last row is for all features that are not common; it stays zero.
        self.weights = nn.EmbeddingBag(len(self.common) + 1, HIDDEN, mode="sum", padding_idx=len(self.common))
        nn.init.normal_(self.weights.weight, std=numbers.shape[-1] ** -0.5)
        nn.init.zeros_(self.weights.weight[-1].data)

    def index(self, numbers: Tensor) -> Tensor:
        at = torch.searchsorted(self.common, numbers).clamp_max(len(self.common) - 1)
        return torch.where(self.common[at] == numbers, at, len(self.common))

    def forward(self, index: Tensor) -> Tensor:
        summed: Tensor = self.weights(index.flatten(0, -2))
        return summed.view(*index.shape[:-1], HIDDEN)


class Pooled(nn.Module):
    """Adds what a network makes of each vector (Zaheer et al. 2017, "Deep sets")."""

    steps: ClassVar[int] = 2000
    rate: ClassVar[float] = 5e-3

    def __init__(self, vectors: Tensor) -> None:
        super().__init__()
        first, second = nn.Linear(vectors.shape[2], 2 * HIDDEN), nn.Linear(2 * HIDDEN, 2 * HIDDEN)
        self.each = nn.Sequential(first, nn.ReLU(), second, nn.ReLU())
        self.summed = nn.Linear(2 * HIDDEN, HIDDEN)

    def forward(self, vectors: Tensor) -> Tensor:
        summed: Tensor = self.summed(self.each(vectors).sum(1))
        return summed


class Network(nn.Module):
    """Adds the weights of features, of the query and of its position, and reads answers from one hidden layer."""

    def __init__(self, front: Counted | Pooled, task: Task, positions: int) -> None:
        super().__init__()
        self.front = front
        self.query = nn.Embedding(task.query_space.size, HIDDEN)
        self.position = nn.Embedding(positions, HIDDEN)
        self.readout = nn.Linear(HIDDEN, task.target_space.size)

    def forward(self, known: Tensor, batch: Batch) -> Tensor:
        """Return the outputs at the scored positions."""
        features: Tensor = self.front(known)
        features = features.unsqueeze(1) if features.dim() == 2 else features
        summed = features + self.query(batch.query) + self.position.weight
        output: Tensor = self.readout(summed[batch.scored].relu())
        return output


def score(task: Task, length: int, read: Read, samples: Samples) -> float:
    """Return the normalised score of a reader on the test sample."""
    known = [read(task, batch) for batch in samples]
    front: Counted | Pooled
    if known[0].is_floating_point():
        front = Pooled(known[0])
    else:
        front = Counted(known[0])
        known = [front.index(each) for each in known]
    network = Network(front, task, samples.fit.query.shape[1])
    fit(network, task, known, samples)
    space, test = task.target_space, samples.test
    prediction = space.prediction(outputs(network, known[2], test))
    metric = float(space.score(prediction, test.target[test.scored]).mean())
    return space.normalised(metric, task.bounds(length, [test]))


def fit(network: Network, task: Task, known: list[Tensor], samples: Samples) -> None:
    """Fit with Adam and a rate that falls to zero; keep the state with the lowest loss on the validation sample."""
    steps, (fewest, most) = network.front.steps, BATCHES
    optimiser = torch.optim.Adam(network.parameters(), network.front.rate, fused=True)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.02, steps)
    size = max(fewest, min(most, ANSWERS * len(samples.fit) // int(samples.fit.scored.sum())))
    pairs = list(zip(torch.split(known[0], size), samples.fit.split(size), strict=True))
    lowest, since, kept = float("inf"), 0, network.state_dict()
    for step, (features, batch) in enumerate(islice(cycle(pairs), steps), start=1):
        loss = task.target_space.loss(network(features, batch), batch.target[batch.scored])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % EVERY:
            continue
        now, since = validation_loss(network, task, known[1], samples.validation), since + 1
        if now < lowest:
            lowest, since = now, 0
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        if since >= PATIENCE or lowest < SOLVED:
            break
    network.load_state_dict(kept)


def validation_loss(network: Network, task: Task, known: Tensor, batch: Batch) -> float:
    return float(task.target_space.loss(outputs(network, known, batch), batch.target[batch.scored]))


@torch.no_grad()
def outputs(network: Network, known: Tensor, batch: Batch) -> Tensor:
    most = BATCHES[1]
    return torch.cat([network(k, b) for k, b in zip(torch.split(known, most), batch.split(most), strict=True)])
