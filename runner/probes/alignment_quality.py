"""Alignment quality: whether the attention weights are on the gold links, and on what the network depends on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from tasks import Batch

from . import (
    PROBES,
    Measurement,
    Network,
    Probe,
    Quantity,
    Subject,
    attention_weights,
    gradient_times_input,
    kendall_tau,
    leave_one_out,
)

OVER = ("length", "layer", "head")
TINY = 1e-30


@PROBES.register("alignment_quality")
class AlignmentQuality(Probe):
    """Alignment error rate, precision at 1 and mass on the gold links of the attention weights; their entropy; and
    Kendall's tau-b of the weights with |gradient x input| and with the effect of leaving a position out.

    Of the trained network, for each layer and head, at the trained length. Queries count that are scored and have
    links. The controls have the links of another example. Agreement is that of one query of each of
    `agreement_examples` examples, and of answers that are classes. Nothing is measured without links or weights.

    Source: Och & Ney 2003, "A systematic comparison of various statistical alignment models"; Jain & Wallace 2019,
    "Attention is not explanation" (arXiv 1902.10186).
    """

    quantities = (
        Quantity("alignment_error_rate", "alignment error rate", better="lower", over=OVER, digits=3),
        Quantity("alignment_precision", "precision at 1", better="higher", over=OVER, digits=3),
        Quantity("alignment_mass", "mass on the links", better="higher", over=OVER, digits=3),
        Quantity("permuted_error_rate", "alignment error rate, permuted links", over=OVER, digits=3),
        Quantity("permuted_precision", "precision at 1, permuted links", over=OVER, digits=3),
        Quantity("permuted_mass", "mass on permuted links", over=OVER, digits=3),
        Quantity("lowest_error_rate", "lowest possible alignment error rate", over=("length",), digits=3),
        Quantity("attention_entropy", "entropy of the weights", "nats", over=OVER, digits=3),
        Quantity("gradient_agreement", "agreement with gradient x input", better="higher", over=OVER, digits=3),
        Quantity("leave_one_out_agreement", "agreement with leave-one-out", better="higher", over=OVER, digits=3),
    )

    def __init__(self, *, examples: int = 256, agreement_examples: int = 32) -> None:
        if examples < 2 or agreement_examples < 1:
            raise ValueError(
                f"alignment_quality needs at least 2 examples and 1 agreement example, not {examples} and "
                f"{agreement_examples}"
            )
        self.examples, self.agreement_examples = examples, agreement_examples

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        stream = subject.generator("alignment")
        batch = subject.task.sample(subject.length, self.examples, stream).to(subject.device)
        if batch.links is None or not (asked := linked_queries(batch)).any():
            return
        size = 4 * subject.recipe.batch
        found = aligned(subject.network, batch, size)
        if not found:
            return
        permuted = aligned(subject.network, replace(batch, links=batch.links.roll(1, 0)), size)
        yield _row(
            "lowest_error_rate", error_rate(asked.sum(), asked.sum(), batch.links[asked].sum()).item(), subject.length
        )
        for layer, (own, other) in enumerate(zip(found, permuted, strict=True), start=1):
            yield from _rows({**own.shown("alignment"), **other.shown("permuted")}, subject.length, layer)
            yield from _rows({"attention_entropy": own.entropy.mean(0)}, subject.length, layer)
        if subject.task.target_space.discrete:
            chosen = asked.any(1).nonzero().flatten()[: self.agreement_examples]
            for layer, agreement in enumerate(agreements(subject.network, batch.rows(chosen), stream), start=1):
                yield from _rows(agreement, subject.length, layer)


def linked_queries(batch: Batch) -> Bool[Tensor, "b q"]:
    """Return the queries that are scored and have links."""
    assert batch.links is not None
    return batch.scored & batch.links.any(2)


class Aligned(NamedTuple):
    """The weights of a layer at n queries, set against their links."""

    links: Float[Tensor, "n"]
    predicted: Float[Tensor, "n h"]
    right: Float[Tensor, "n h"]
    right_in_source: Float[Tensor, "n h"]
    mass: Float[Tensor, "n h"]
    entropy: Float[Tensor, "n h"]

    def shown(self, of: str) -> dict[str, Tensor]:
        """Return error rate, precision and mass of each head, with `of` before their names."""
        rate = error_rate(self.right.sum(0), self.predicted.sum(0), self.links.sum())
        precision, mass = self.right_in_source.mean(0), self.mass.mean(0)
        return {f"{of}_error_rate": rate, f"{of}_precision": precision, f"{of}_mass": mass}


def error_rate(right: Tensor, predicted: Tensor, links: Tensor) -> Tensor:
    """Return 1 - (|A and S| + |A and P|) / (|A| + |S|), where the possible links P are the sure links S."""
    return 1 - 2 * right / (predicted + links)


def aligned(network: Network, batch: Batch, size: int) -> list[Aligned]:
    """Return what the weights of each layer say of the links of a batch, read in parts of `size` examples."""
    parts = []
    for part in batch.split(size):
        assert part.links is not None
        links, asked = part.links, linked_queries(part)
        parts.append([set_against(weights, links, asked) for weights in attention_weights(network, part)])
    layers = zip(*parts, strict=True)
    return [Aligned(*map(torch.cat, zip(*layer, strict=True))) for layer in layers]


def set_against(weights: Float[Tensor, "b h q k"], links: Bool[Tensor, "b q s"], asked: Bool[Tensor, "b q"]) -> Aligned:
    """Compare the weights of the queries `asked` with their links. A link is to a source position, the first keys."""
    rows = weights.double().abs().transpose(1, 2)[asked]
    share = rows / rows.sum(2, keepdim=True).clamp_min(TINY)
    n_links = links[asked][:, None].expand(-1, rows.shape[1], -1)
    linked = F.pad(n_links, (0, rows.shape[2] - links.shape[2]))
    return Aligned(
        links=links[asked].sum(1).double(),
        predicted=(rows > 0).any(2).double(),
        right=_share_of_heaviest(rows, linked),
        right_in_source=_share_of_heaviest(rows[:, :, : links.shape[2]], n_links),
        mass=(share * linked).sum(2),
        entropy=-torch.special.xlogy(share, share).sum(2),
    )


def _share_of_heaviest(rows: Float[Tensor, "n h k"], linked: Bool[Tensor, "n h k"]) -> Float[Tensor, "n h"]:
    """Return whether the heaviest key is linked; of equally heavy keys, the share that is. A row of zeros has none."""
    heaviest = (rows == rows.amax(2, keepdim=True)) & (rows > 0)
    return (heaviest & linked).sum(2).double() / heaviest.sum(2).clamp_min(1)


def agreements(network: Network, batch: Batch, stream: torch.Generator) -> Iterator[dict[str, Tensor]]:
    """Yield tau-b of the weights of each layer with what the answer depends on, by quantity, for each head.

    It is the mean over the examples, of one query each that is drawn at random; those without a tau are left out.
    """
    # float64, since the effects of most positions are near zero, where rounding would give them a random order.
    precise = torch.float32 if batch.query.device.type == "mps" else torch.float64
    network = copy.deepcopy(network).to(precise).eval()
    if batch.source.is_floating_point():
        batch = replace(batch, source=batch.source.to(precise))
    noise = torch.rand(batch.scored.shape, generator=stream, device=stream.device).to(batch.query.device)
    query = torch.where(linked_queries(batch), noise, -1.0).argmax(1)
    effects = {
        "gradient_agreement": gradient_times_input(network, batch, query),
        "leave_one_out_agreement": leave_one_out(network, batch, query),
    }
    examples = torch.arange(len(batch), device=query.device)
    for weights in attention_weights(network, batch):
        own = weights[examples, :, query, : batch.source.shape[1]]
        taus = {name: kendall_tau(own, effect[:, None].expand_as(own)) for name, effect in effects.items()}
        yield {name: tau.nanmean(0) for name, tau in taus.items()}


def _rows(found: dict[str, Float[Tensor, "h"]], length: int, layer: int) -> Iterator[Measurement]:
    for quantity, values in found.items():
        for head, value in enumerate(values.tolist(), start=1):
            yield _row(quantity, value, length, layer=layer, head=head)


def _row(quantity: str, value: float, length: int, **at: int) -> Measurement:
    return Measurement("alignment_quality", quantity, value, at={"stage": "test", "length": length, **at})
