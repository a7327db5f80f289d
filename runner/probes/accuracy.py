"""Accuracy at the trained length and beyond, the learning curve and the steps to solve."""

from __future__ import annotations

from collections.abc import Iterator

from tasks import Classes, Distribution, Scalar, Task

from . import PROBES, Decoded, Measurement, Probe, Quantity, Scores, Subject, evaluate, learning_curve, score_decoded


@PROBES.register("accuracy")
class Accuracy(Probe):
    """Share of scored positions answered right on a test stream, at every test length.

    Beside it the share of examples without an error, the loss, and the normalised score
    (metric - chance) / (ceiling - chance); for scalar answers the mean squared error and the share within 0.04;
    where the law of the answers is known, the nats above its entropy; where answers are fed back as queries, the
    share of examples decoded greedily without an error, and BLEU.
    """

    quantities = (
        Quantity("accuracy", "accuracy", better="higher", over=("length",), digits=3),
        Quantity("mse", "mean squared error", better="lower", over=("length",), digits=4),
        Quantity("within", "within 0.04", better="higher", over=("length",), digits=3),
        Quantity("exact_match", "exact match", better="higher", over=("length",), digits=3),
        Quantity("nats_above_floor", "nats above the entropy", better="lower", over=("length",), digits=3),
        Quantity("decoded_exact_match", "decoded exact match", better="higher", over=("length",), digits=3),
        Quantity("bleu", "BLEU", better="higher", over=("length",), digits=1),
        Quantity("chance", "chance", over=("length",), digits=3),
        Quantity("ceiling", "ceiling", over=("length",), digits=3),
    )

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        network, task = subject.network, subject.task
        yield from learning_curve(subject.trained.history)
        for length in subject.test_lengths:
            examples = subject.examples(length, "test")
            yield from _rows(evaluate(network, task, examples), length, task)
            space = task.target_space
            if task.feeds_back and isinstance(space, Classes) and network.model.decodes:
                yield from _decoded(score_decoded(network, examples, space.size - 1), length)


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
        yield Measurement("accuracy", quantity, value, at={"stage": "test", "length": length})


def _decoded(decoded: Decoded, length: int) -> Iterator[Measurement]:
    for quantity, value in (("decoded_exact_match", decoded.exact), ("bleu", decoded.bleu)):
        yield Measurement("accuracy", quantity, value, at={"stage": "test", "length": length})
