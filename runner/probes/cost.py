"""What a forward costs in operations, and decoding in memory, over a sweep of lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import PROBES, STATE, Measurement, Probe, Quantity, Subject, cost_of, prefill_operations


@PROBES.register("cost")
class Cost(Probe):
    """Floating-point operations per token of a forward, counted by torch and by the formula, and the decoding state.

    A forward of length n reads n/2 source tokens and answers n/2 queries, without embeddings and readout; products
    count a multiplication and an addition as two, and nothing else counts. Prefill reads n source tokens, as in
    `throughput`; the state is that of one sequence behind them. What a model has no formula for, or no state, is left
    out.

    Source: this project.
    """

    seeded = False
    quantities = (
        Quantity("flops_counted", "operations, counted", "per token", better="lower", over=("length",)),
        Quantity("flops_analytic", "operations, by formula", "per token", better="lower", over=("length",)),
        Quantity("flops_prefill", "operations of prefill, counted", "per token", better="lower", over=("length",)),
        STATE,
    )

    def __init__(self, *, lengths: Sequence[int] = (64, 128, 256, 512)) -> None:
        self.lengths = tuple(lengths)
        if min(self.lengths, default=0) < 2:
            raise ValueError(f"cost needs lengths of at least 2, not {lengths}")

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        for done, length in enumerate(self.lengths):
            subject.progress(done, len(self.lengths))
            model = subject.build().to(subject.device)
            cost = cost_of(model, length)
            yield Measurement("cost", "flops_counted", cost.counted / length, {"length": length})
            if cost.analytic is not None:
                yield Measurement("cost", "flops_analytic", cost.analytic / length, {"length": length})
            if model.decodes:
                prefill = prefill_operations(model, length)
                yield Measurement("cost", "flops_prefill", prefill / length, {"length": length})
            if cost.state is not None:
                yield Measurement("cost", "state", cost.state, {"length": length})
