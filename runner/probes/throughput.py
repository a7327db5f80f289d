"""Throughput over a sweep of lengths: training, prefill and decoding."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from . import (
    PROBES,
    Measurement,
    Network,
    Probe,
    Quantity,
    Subject,
    TrainingStep,
    matrix_product,
    quartiles,
    random_text,
    random_text_batch,
    random_text_network,
    reference_job,
    repeat,
)

DECODED = 16  # steps timed together, so that the clock's grain does not show
SLOW = 0.1  # seconds; a longer call takes as long when it is repeated, and so counts although it is the first


@PROBES.register("throughput")
class Throughput(Probe):
    """Tokens per second of a training step, of prefill and of one-at-a-time decoding.

    A training step of length n reads n/2 source tokens, answers n/2 queries (all scored), goes backward
    and updates the parameters; prefill reads n source tokens; decoding answers one query at a time
    behind n source tokens. A trial is one of the `rounds`: everything is timed for about `seconds` at every
    length, and so are a fixed reference job and a product of matrices. The values are medians with their quartiles.
    A model that does not decode by steps is timed in training alone.

    Source: this project.
    """

    alone = True
    seeded = False
    quantities = (
        Quantity("train", "training step", "tokens/s", better="higher", over=("length",)),
        Quantity("prefill", "prefill", "tokens/s", better="higher", over=("length",)),
        Quantity("decode", "decoding", "tokens/s", better="higher", over=("length",)),
        Quantity("reference", "reference job", "runs/s", better="higher"),
        Quantity("matmul", "product of two matrices", "FLOP/s", better="higher"),
    )

    def __init__(
        self,
        *,
        lengths: Sequence[int] = (64, 128, 256, 512),
        batch: int = 4,
        seconds: float = 0.05,
        rounds: int = 6,
    ) -> None:
        self.lengths, self.batch, self.seconds, self.rounds = tuple(lengths), batch, seconds, rounds
        if min(self.lengths, default=0) < 2 or batch < 1 or seconds <= 0 or rounds < 1:
            given = f"{lengths}, {batch}, {seconds} and {rounds}"
            raise ValueError(f"throughput needs lengths of at least 2, a batch, seconds and rounds, not {given}")
        self.about_seconds = 0.5 + seconds * (1 + 3 * len(self.lengths))

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        yield _rate("reference", self._times(subject, reference_job(subject.device)), 1, {})
        product, operations = matrix_product(subject.device)
        yield _rate("matmul", self._times(subject, product), operations, {})
        training = TrainingStep(random_text_network(subject), subject.recipe)
        network = random_text_network(subject).eval()
        # The first step also makes the optimiser's state, and loads what a process needs once.
        training.step_on(random_text_batch(subject, self.batch, min(self.lengths)))
        for done, length in enumerate(self.lengths):
            subject.progress(done, len(self.lengths))
            step = functools.partial(training.step_on, random_text_batch(subject, self.batch, length))
            yield _rate("train", self._times(subject, step), self.batch * length, {"length": length})
            if network.model.decodes:
                with torch.no_grad():
                    yield from self._prefill_and_decode(subject, network, length)

    def _prefill_and_decode(self, subject: Subject, network: Network, length: int) -> Iterator[Measurement]:
        at = {"length": length}
        tokens = random_text(subject, self.batch, length)
        source, query = network.embedding(tokens, tokens[:, :1])
        start = network.model.start
        yield _rate("prefill", self._times(subject, lambda: start(source)), self.batch * length, at)

        def decode() -> Callable[[], None]:
            return functools.partial(decode_steps, network, query[:, 0], start(source))

        yield _rate("decode", self._times(subject, None, decode), self.batch * DECODED, at)

    def _times(
        self,
        subject: Subject,
        work: Callable[[], object] | None,
        prepare: Callable[[], Callable[[], object]] | None = None,
    ) -> list[float]:
        """Return the seconds of repeated calls, without the first one, unless it is SLOW and the only one."""
        times = repeat(work, self.seconds, subject.device, prepare=prepare, warm_up=False, least=1)
        if len(times) == 1 and times[0] < SLOW:
            times += repeat(work, 0.0, subject.device, prepare=prepare, warm_up=False, least=1)
        return times[1:] or times


def _rate(quantity: str, times: list[float], each: int, at: dict[str, int]) -> Measurement:
    low, median, high = quartiles(times)
    return Measurement("throughput", quantity, each / median, at, each / high, each / low)


def decode_steps(network: Network, query: Tensor, state: object) -> None:
    for _ in range(DECODED):
        hidden, state = network.model.step(query, state)
        network.readout(hidden)
