"""Greedy decoding: the queries of the network are its own earlier answers instead of the targets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from tasks import Batch, most_probable

from .data import Examples
from .network import Network, evaluating


@dataclass(frozen=True)
class Decoded:
    """`exact` is the share of examples without an error up to the end, `bleu` the corpus BLEU, from 0 to 100."""

    exact: float
    bleu: float


@torch.no_grad()
def decode(network: Network, batch: Batch) -> Int[Tensor, "b q"]:
    """Return the most probable answer at each query position, given the first query and the decoded answers before.

    It is -1, which is no answer, where an output is NaN.
    """
    model, embedding = network.model, network.embedding
    state = model.start(embedding.source(batch.source))
    token, answers = batch.query[:, 0], []
    for _ in range(batch.query.shape[1]):
        hidden, state = model.step(embedding.query(token.clamp_min(0)), state)
        token = most_probable(network.readout(hidden))
        answers.append(token)
    return torch.stack(answers, dim=1)


def score_decoded(network: Network, examples: Examples, end: int) -> Decoded:
    """Decode the examples and compare them with their targets. The class `end` marks the end of an answer."""
    with evaluating(network):
        answers = torch.cat([decode(network, batch) for batch in examples.batches])
    targets = torch.cat([batch.target for batch in examples.batches])
    scored = torch.cat([batch.scored for batch in examples.batches])
    exact = ((answers == targets) | ~scored).all(1)
    return Decoded(float(exact.float().mean()), bleu(_sentences(answers, end), _sentences(targets, end)))


def bleu(answers: list[str], references: list[str]) -> float:
    """Return the corpus BLEU (Papineni et al. 2002) of words separated by spaces, from 0 to 100.

    It compares up to four words in a row, or as many as the longest reference has: a corpus of two words each has no
    four in a row, and would have a BLEU of 0 whatever the answers are.
    """
    # Imported here, because only tasks that decode need it.
    from sacrebleu.metrics.bleu import BLEU

    longest = max((len(reference.split()) for reference in references), default=0)
    # The words are already tokens.
    metric = BLEU(tokenize="none", force=True, max_ngram_order=max(1, min(4, longest)))
    return float(metric.corpus_score(answers, [references]).score)


def _sentences(classes: Int[Tensor, "b q"], end: int) -> list[str]:
    rows = classes.tolist()
    return [" ".join(map(str, row[: row.index(end)] if end in row else row)) for row in rows]
