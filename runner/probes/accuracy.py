"""Accuracy at the trained length and beyond, the learning curve and the steps to solve."""

from __future__ import annotations

import math
from collections.abc import Iterator

from results import Measurement

from ..evaluate import Scores, evaluate, sample_batches
from ..train import History
from .probe import PROBES, Probe, Trained


@PROBES.register("accuracy")
class Accuracy(Probe):
    """Share of scored positions answered right on a test stream, at every test length.

    Beside it the share of examples without an error, the loss, and the normalised score
    (metric - chance) / (ceiling - chance); for scalar answers the mean squared error and the share within 0.04.
    """

    def trained(self, trained: Trained) -> Iterator[Measurement]:
        yield from learning_curve(trained.history)
        for length in trained.test_lengths:
            stream = trained.generator(f"test {length}")
            batches = sample_batches(
                trained.task, length, trained.test_examples, 4 * trained.batch, stream, trained.device
            )
            scores = evaluate(trained.network, trained.task, length, batches)
            yield from _rows(scores, length, scalar=trained.network.ends.scalar)


def learning_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation and training scores by step, and the steps to solve (NaN where never)."""
    for point in history.evaluations:
        for quantity, value in (("normalised", point.normalised), ("loss", point.loss)):
            yield Measurement("accuracy", quantity, value, stage="validation", step=point.step)
        if not math.isnan(point.train_loss):
            yield Measurement("accuracy", "loss", point.train_loss, stage="train", step=point.step)
    solved = history.steps_to_solve
    yield Measurement("accuracy", "steps_to_solve", math.nan if solved is None else solved, unit="steps")
    yield Measurement("accuracy", "steps", history.steps, unit="steps")


def _rows(scores: Scores, length: int, *, scalar: bool) -> Iterator[Measurement]:
    named = {"mse": scores.metric, "within": scores.right} if scalar else {"accuracy": scores.metric}
    shared = {
        "exact_match": scores.exact,
        "loss": scores.loss,
        "normalised": scores.normalised,
        "chance": scores.chance,
        "ceiling": scores.ceiling,
    }
    for quantity, value in {**named, **shared}.items():
        yield Measurement("accuracy", quantity, value, stage="test", length=length)
