"""Accuracy at the trained length and beyond, the learning curve and the steps to solve."""

from __future__ import annotations

import math
from collections.abc import Iterator

from results import Measurement
from tasks import Classes, Distribution, Scalar, Task

from ..data import Examples
from ..decode import Decoded, score_decoded
from ..evaluate import Scores, evaluate
from ..train import History
from .probe import PROBES, Probe, Trained


@PROBES.register("accuracy")
class Accuracy(Probe):
    """Share of scored positions answered right on a test stream, at every test length.

    Beside it the share of examples without an error, the loss, and the normalised score
    (metric - chance) / (ceiling - chance); for scalar answers the mean squared error and the share within 0.04;
    where the law of the answers is known, the nats above its entropy; where answers are fed back as queries, the
    share of examples decoded greedily without an error, and BLEU.
    """

    def trained(self, trained: Trained) -> Iterator[Measurement]:
        yield from learning_curve(trained.history)
        for length in trained.test_lengths:
            stream = trained.generator(f"test {length}")
            examples = Examples.draw(
                trained.task, length, trained.test_examples, 4 * trained.batch, stream, trained.device
            )
            scores = evaluate(trained.network, trained.task, examples)
            yield from _rows(scores, length, trained.task)
            space = trained.task.target_space
            if trained.task.feeds_back and isinstance(space, Classes) and trained.network.model.decodes:
                yield from _decoded(score_decoded(trained.network, examples, space.size - 1), length)


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


def pretraining_curve(history: History) -> Iterator[Measurement]:
    """Yield the validation scores on the task that was trained on before the cell's own, and how long that was."""
    for point in history.evaluations:
        yield Measurement("accuracy", "normalised", point.normalised, stage="pretraining", step=point.step)
    yield Measurement("accuracy", "steps", history.steps, unit="steps", stage="pretraining")


def _rows(scores: Scores, length: int, task: Task) -> Iterator[Measurement]:
    named = {"accuracy": scores.right}
    if isinstance(task.target_space, Scalar):
        named = {"mse": scores.metric, "within": scores.right}
    elif isinstance(task.target_space, Distribution):
        named |= {"nats_above_floor": scores.metric - scores.ceiling}
    shared = {
        "exact_match": scores.exact,
        "loss": scores.loss,
        "normalised": scores.normalised,
        "chance": scores.chance,
        "ceiling": scores.ceiling,
    }
    for quantity, value in {**named, **shared}.items():
        yield Measurement("accuracy", quantity, value, stage="test", length=length)


def _decoded(decoded: Decoded, length: int) -> Iterator[Measurement]:
    for quantity, value in (("decoded_exact_match", decoded.exact), ("bleu", decoded.bleu)):
        yield Measurement("accuracy", quantity, value, stage="test", length=length)
