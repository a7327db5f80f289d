"""How many times as fast a training step is with all cores as with one."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import torch

from . import (
    PROBES,
    Measurement,
    Probe,
    Quantity,
    Subject,
    TrainingStep,
    random_text_batch,
    random_text_network,
    repeat,
)


@PROBES.register("speedup")
class Speedup(Probe):
    """The seconds of a training step with one thread, divided by those with a thread for each core.

    The step is that of `throughput`. Both are timed in turn, for about `seconds` each at every length; a trial is one
    of the `rounds`. It is measured on the processor only.

    Source: this project; strong scaling, as in Amdahl 1967, "Validity of the single processor approach to achieving
    large scale computing capabilities".
    """

    alone = True
    seeded = False
    quantities = (
        Quantity("speedup", "speed-up from one core to all", better="higher", over=("length",), digits=2),
        Quantity("cores", "cores", digits=0),
    )

    def __init__(
        self, *, lengths: Sequence[int] = (64, 256), batch: int = 4, seconds: float = 0.1, rounds: int = 6
    ) -> None:
        self.lengths, self.batch, self.seconds, self.rounds = tuple(lengths), batch, seconds, rounds
        if min(self.lengths, default=0) < 2 or batch < 1 or seconds <= 0 or rounds < 1:
            given = f"{lengths}, {batch}, {seconds} and {rounds}"
            raise ValueError(f"speedup needs lengths of at least 2, a batch, seconds and rounds, not {given}")

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        if subject.device.type != "cpu":
            return
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        yield Measurement("speedup", "cores", cores)
        training = TrainingStep(random_text_network(subject), subject.recipe)
        for done, length in enumerate(self.lengths):
            subject.progress(done, len(self.lengths))
            step = functools.partial(training.step_on, random_text_batch(subject, self.batch, length))
            yield Measurement("speedup", "speedup", self._ratio(subject, step, cores), {"length": length})

    def _ratio(self, subject: Subject, step: Callable[[], object], cores: int) -> float:
        before = torch.get_num_threads()
        one: list[float] = []
        every: list[float] = []
        try:
            while sum(one) < self.seconds or len(one) < 3:
                for threads, found in ((1, one), (cores, every)):
                    torch.set_num_threads(threads)
                    # The first call after the change of threads is a warm-up.
                    found += repeat(step, 0.0, subject.device, least=1)
        finally:
            torch.set_num_threads(before)
        return median(one) / median(every)
