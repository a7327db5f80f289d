"""Accuracy at the trained length and beyond, the learning curve and the steps to solve."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mechanisms import state_bytes
from tasks import Batch, TargetSpace

from . import (
    PROBES,
    Decoded,
    Measurement,
    Network,
    Probe,
    Quantity,
    Scores,
    Subject,
    evaluate,
    evaluating,
    learning_curve,
    score_decoded,
)

KEPT = Quantity("bytes_kept", "decoding state after the source", "bytes", better="lower", over=("length",), digits=0)


@PROBES.register("accuracy")
class Accuracy(Probe):
    """Share of scored positions answered right on a test stream, at every test length.

    Beside it the share of examples without an error, the loss, and the normalised score
    (metric - chance) / (ceiling - chance); for scalar answers the mean squared error and the share within 0.04;
    where the distribution of the answers is known, the nats above its entropy; where answers are fed back as queries,
    the share of examples decoded greedily without an error, and BLEU; for classes the information that was asked for
    and recovered, in bits an example; and the bytes that decoding keeps of the source of one example.

    Source: this project; BLEU: Papineni et al. 2002, computed by sacrebleu (Post 2018, arXiv 1804.08771).
    """

    quantities = (
        Quantity("exact_match", "exact match", better="higher", over=("length",), digits=3),
        Quantity("decoded_exact_match", "decoded exact match", better="higher", over=("length",), digits=3),
        Quantity("bleu", "BLEU", better="higher", over=("length",), digits=1),
        Quantity("bits", "information recovered", "bits an example", better="higher", over=("length",), digits=1),
        Quantity("bits_asked", "information asked", "bits an example", over=("length",), digits=1),
        KEPT,
        Quantity("chance", "chance", over=("length",), digits=3),
        Quantity("ceiling", "ceiling", over=("length",), digits=3),
    )

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        network, task = subject.network, subject.task
        yield from learning_curve(subject.trained.history)
        for length in subject.test_lengths:
            examples = subject.examples(length, "test")
            space = task.target_space
            yield from _rows(evaluate(network, task, examples), length, space)
            if network.model.decodes:
                yield _row(KEPT.name, _bytes_kept(network, examples.batches[0]), length)
            if task.feeds_back and space.discrete and network.model.decodes:
                yield from _decoded(score_decoded(network, examples, space.size - 1), length)


def _rows(scores: Scores, length: int, space: TargetSpace) -> Iterator[Measurement]:
    shared = {
        "exact_match": scores.exact,
        "loss": scores.loss,
        "normalised": scores.normalised,
        "chance": scores.bounds.chance,
        "ceiling": scores.bounds.ceiling,
    }
    information = {} if math.isnan(scores.bits_asked) else {"bits": scores.bits, "bits_asked": scores.bits_asked}
    named = space.measured(scores.metric, scores.right, scores.bounds.ceiling)
    for quantity, value in {**named, **shared, **information}.items():
        yield _row(quantity, value, length)


def _bytes_kept(network: Network, batch: Batch) -> float:
    one = next(batch.split(1))
    with evaluating(network):
        source, _ = network.embedding(one.source, one.query)
        return float(state_bytes(network.model.start(source)))


def _decoded(decoded: Decoded, length: int) -> Iterator[Measurement]:
    for quantity, value in (("decoded_exact_match", decoded.exact), ("bleu", decoded.bleu)):
        yield _row(quantity, value, length)


def _row(quantity: str, value: float, length: int) -> Measurement:
    return Measurement("accuracy", quantity, value, at={"stage": "test", "length": length})
