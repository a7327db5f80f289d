"""Memory over a sweep of lengths: of a training step, and of the state while decoding."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import torch

from mechanisms import state_bytes

from . import (
    PROBES,
    STATE,
    Measurement,
    Probe,
    Quantity,
    Subject,
    TrainingStep,
    peak_bytes,
    random_text,
    random_text_batch,
    random_text_network,
)


@PROBES.register("memory")
class Memory(Probe):
    """The peak memory of a training step, and the bytes kept for each sequence while it is decoded.

    A training step of length n reads n/2 source tokens and answers n/2 queries, all scored; the state is
    that behind n source tokens.

    Source: this project.
    """

    seeded = False
    quantities = (
        Quantity("peak_memory", "peak memory of training", "bytes", better="lower", over=("length",)),
        STATE,
    )

    def __init__(self, *, lengths: Sequence[int] = (64, 128, 256, 512), batch: int = 4) -> None:
        self.lengths, self.batch = tuple(lengths), batch
        if min(self.lengths, default=0) < 2 or batch < 1:
            raise ValueError(f"memory needs lengths of at least 2 and a batch, not {lengths} and {batch}")

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        training = TrainingStep(random_text_network(subject), subject.recipe)
        network = random_text_network(subject).eval()
        for done, length in enumerate(self.lengths):
            subject.progress(done, len(self.lengths))
            at = {"length": length}
            step = functools.partial(training.step_on, random_text_batch(subject, self.batch, length))
            step()  # the first one also makes the optimiser's state
            yield Measurement("memory", "peak_memory", peak_bytes(step, subject.device), at)
            if network.model.decodes:
                with torch.no_grad():
                    tokens = random_text(subject, self.batch, length)
                    source, _ = network.embedding(tokens, tokens[:, :1])
                    bytes_kept = state_bytes(network.model.start(source))
                yield Measurement("memory", "state", bytes_kept / self.batch, at)
