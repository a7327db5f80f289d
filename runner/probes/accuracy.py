"""Accuracy at the trained length and beyond, the learning curve and the steps to solve."""

from __future__ import annotations

from collections.abc import Iterator

from results import Measurement
from tasks import Classes, Distribution, Scalar, Task

from ..training.data import Examples
from ..training.decode import Decoded, score_decoded
from ..training.evaluate import Scores, evaluate
from ..training.trainer import learning_curve
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
