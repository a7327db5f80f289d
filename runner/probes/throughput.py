"""Throughput and memory over a sweep of lengths: training, prefill and decoding."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from mechanisms import state_bytes
from tasks import Batch, Classes, Tokens

from . import (
    PROBES,
    STATE,
    Measurement,
    Network,
    Probe,
    Quantity,
    Subject,
    TrainingStep,
    peak_bytes,
    quartiles,
    repeat,
    scoped,
)

VOCABULARY = 64
DECODED = 16  # steps timed together, so that the clock's grain does not show


@PROBES.register("throughput")
class Throughput(Probe):
    """Tokens per second of a training step, of prefill and of one-at-a-time decoding, and the memory they take.

    A training step of length n reads n/2 source tokens, answers n/2 queries (all scored), goes backward
    and updates the parameters; prefill reads n source tokens; decoding answers one query at a time
    behind n source tokens. Medians of adaptive repeats with their quartiles. A model that does not decode
    by steps is timed in training alone.

    Source: this project.
    """

    alone = True
    seeded = False
    quantities = (
        Quantity("train", "training step", "tokens/s", better="higher", over=("length",)),
        Quantity("prefill", "prefill", "tokens/s", better="higher", over=("length",)),
        Quantity("decode", "decoding", "tokens/s", better="higher", over=("length",)),
        Quantity("peak_memory", "peak memory of training", "bytes", better="lower", over=("length",)),
        STATE,
    )

    def __init__(self, *, lengths: Sequence[int] = (64, 128, 256, 512), batch: int = 4, seconds: float = 0.3) -> None:
        self.lengths, self.batch, self.seconds = tuple(lengths), batch, seconds
        if min(self.lengths, default=0) < 2 or batch < 1 or seconds <= 0:
            raise ValueError(f"throughput needs lengths of at least 2, a batch and seconds, not {lengths}, {batch}")

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        for done, length in enumerate(self.lengths):
            subject.progress(done, len(self.lengths))
            yield from self._train(subject, length)
            yield from self._prefill_and_decode(subject, length)

    def _network(self, subject: Subject) -> Network:
        space = Tokens(VOCABULARY)
        with scoped("embedding and readout"):
            network = Network(subject.build(), subject.recipe.width, space, space, Classes(VOCABULARY))
        return network.to(subject.device)

    def _train(self, subject: Subject, length: int) -> Iterator[Measurement]:
        training, batch = TrainingStep(self._network(subject), subject.recipe), self._batch(subject, length)
        step = functools.partial(training.step_on, batch)
        step()  # the first one also makes the optimiser's state
        yield Measurement("throughput", "peak_memory", peak_bytes(step, subject.device), {"length": length})
        times = repeat(step, self.seconds, subject.device, warm_up=False)
        yield self._rate("train", times, self.batch * length, length)

    def _prefill_and_decode(self, subject: Subject, length: int) -> Iterator[Measurement]:
        network = self._network(subject).eval()
        if not network.model.decodes:
            return
        with torch.no_grad():
            tokens = self._tokens(subject, length)
            source, query = network.embedding(tokens, tokens[:, :1])
            start = network.model.start
            yield self._rate(
                "prefill", repeat(lambda: start(source), self.seconds, subject.device), self.batch * length, length
            )
            state = start(source)
            yield Measurement("throughput", "state", state_bytes(state) / self.batch, {"length": length})

            def decode() -> Callable[[], None]:
                return functools.partial(decode_steps, network, query[:, 0], start(source))

            times = repeat(None, self.seconds, subject.device, prepare=decode)
            yield self._rate("decode", times, self.batch * DECODED, length)

    def _batch(self, subject: Subject, length: int) -> Batch:
        tokens = self._tokens(subject, length)
        source, query = tokens[:, : length // 2], tokens[:, length // 2 :]
        return Batch(source=source, query=query, target=query, scored=torch.ones_like(query, dtype=torch.bool))

    def _tokens(self, subject: Subject, length: int) -> Tensor:
        stream = subject.generator("tokens")
        shape = (self.batch, length)
        return torch.randint(VOCABULARY, shape, generator=stream, device=stream.device).to(subject.device)

    def _rate(self, quantity: str, times: list[float], tokens: int, length: int) -> Measurement:
        low, median, high = quartiles(times)
        return Measurement("throughput", quantity, tokens / median, {"length": length}, tokens / high, tokens / low)


def decode_steps(network: Network, query: Tensor, state: object) -> None:
    for _ in range(DECODED):
        hidden, state = network.model.step(query, state)
        network.readout(hidden)
