"""Accuracy by how far back the explanation of an answer lies."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from tasks import Batch

from . import PROBES, Measurement, Probe, Quantity, Subject, evaluating


@PROBES.register("accuracy_by_distance")
class AccuracyByDistance(Probe):
    """Share of answers that are right, by the distance from a query back to the last source position it is linked to.

    Source and query count as one sequence, so the source's last position is at distance 1 from the first query. In a
    haystack it is the needle's depth, from the end (Hsieh et al. 2024, RULER, arXiv 2404.06654). At every test length,
    in at most `bins` classes of equal width; nothing is measured where a task has no links or asks for a number.

    Source: Liu et al. 2023, "Lost in the middle" (arXiv 2307.03172).
    """

    quantities = (Quantity("accuracy_at_distance", "accuracy", better="higher", over=("length", "distance"), digits=3),)

    def __init__(self, *, bins: int = 16) -> None:
        if bins < 1:
            raise ValueError(f"accuracy_by_distance needs at least 1 bin, not {bins}")
        self.bins = bins

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        if not subject.task.target_space.discrete:
            return
        for length in subject.test_lengths:
            batches = subject.examples(length, "distance").batches
            found = [_right(subject, batch) for batch in batches if batch.links is not None]
            if found:
                distances, right = (torch.cat(parts) for parts in zip(*found, strict=True))
                yield from self._rows(distances, right, length)

    def _rows(self, distances: Int[Tensor, "n"], right: Bool[Tensor, "n"], length: int) -> Iterator[Measurement]:
        nearest, farthest = int(distances.min()), int(distances.max())
        width = -(-(farthest - nearest + 1) // self.bins)
        place = torch.div(distances - nearest, width, rounding_mode="floor")
        counts = torch.bincount(place, minlength=self.bins)
        sums = torch.bincount(place, weights=right.double(), minlength=self.bins)
        for index, (total, count) in enumerate(zip(sums.tolist(), counts.tolist(), strict=True)):
            if count:
                middle = nearest + index * width + (width - 1) // 2
                yield Measurement(
                    "accuracy_by_distance",
                    "accuracy_at_distance",
                    total / count,
                    at={"stage": "test", "length": length, "distance": middle},
                )


def _right(subject: Subject, batch: Batch) -> tuple[Int[Tensor, "n"], Bool[Tensor, "n"]]:
    """Return the distance of each scored query that has links, and whether it was answered right."""
    right = torch.zeros_like(batch.scored)
    with evaluating(subject.network):
        output = subject.network(batch)
    right[batch.scored] = subject.task.target_space.correct(output, batch.target[batch.scored])
    assert batch.links is not None
    position = torch.arange(1, batch.links.shape[2] + 1, device=right.device)
    last = (batch.links * position).amax(2)  # counted from 1; 0 where there is none
    asked = batch.links.shape[2] + torch.arange(1, right.shape[1] + 1, device=right.device)
    linked = batch.scored & (last > 0)
    return (asked - last)[linked].cpu(), right[linked].cpu()
