"""Texts from a random context-free grammar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .grammar import Grammar
from .text import SOURCES, TextSource

SINGLE, TWO_CLASSES, CLASS_AND_PHRASE, TWO_PHRASES = 0.1, 0.25, 0.3, 0.35
"""The probabilities of the four kinds of phrase."""
SHARP = 24
LARGEST = 2**20
"""The most entries in the charts of the texts that are processed at once."""


@SOURCES.register("context_free")
class ContextFree(TextSource):
    """A random probabilistic context-free grammar in Chomsky normal form, for texts of exactly n words.

    There are as many kinds of phrase as word classes. A phrase consists of two classes, of a class and a phrase (in a
    fixed random order), of two phrases, or of a single word, with one rule for each, so that words inform about other
    words only through the phrases that contain them. A class prefers a few of the words. A phrase contains one phrase
    on average, so that texts of all lengths have a weight.
    Likelihoods come from the inside algorithm and the posterior of a word from the outside algorithm, both in time n^3
    for all words of a text. `rules` are the (A, B, C) of A → B C, `weights` their weights, `words` those of A → word.

    Source: this project; the algorithms are those of Baker 1979 and of Lari & Young 1990.
    """

    def __init__(self, symbols: int, language: int = 0, *, classes: int = 8) -> None:
        if symbols < 1 or classes < 1:
            raise ValueError(f"a grammar needs symbols >= 1 and classes >= 1, not {symbols} and {classes}")
        self.symbols = symbols
        own = torch.Generator().manual_seed(language)
        self.rules, self.weights = _random_rules(classes, own)
        terminals = torch.tensor([SINGLE, 1.0], dtype=torch.float64).repeat_interleave(classes)
        words = torch.rand(2 * classes, symbols, generator=own, dtype=torch.float64) ** SHARP + 1e-3
        self.words = terminals.unsqueeze(1) * words / words.sum(1, keepdim=True)
        self._weighted_rules = _WeightedRules(self.rules, self.weights, self.words)
        self._grammar = Grammar(terminals, self.rules, self.weights)

    def sample(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        parts = self._grammar.sample(length, size, generator)
        draw = torch.rand(parts.shape, generator=generator, device=parts.device)
        # The sum of a whole number and a fraction of 24 bits is exact in float64, so no draw reaches the next row.
        found = torch.searchsorted(self._weighted_rules.cumulative(parts.device), parts + draw.double(), right=True)
        return found - parts * self.symbols

    def log_likelihood(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b"]:
        weighted, length = self._weighted_rules.to(evidence.device), evidence.shape[1]

        def likelihood(evidence: Tensor) -> Tensor:
            words, log_scale = _scaled(evidence.double() @ weighted.words.T)
            chart = weighted.inside(words).by_start
            return chart[0, :, length, 0].log() + log_scale.sum(1)

        return _in_parts(likelihood, evidence, self._rows(length)) - self._grammar.inside(length)[0, length].log()

    def next_word(self, text: Int[Tensor, "b n"]) -> Float[Tensor, "b n v"]:
        weighted, length = self._weighted_rules.to(text.device), text.shape[1]
        # Of the words after a word, only their number is known.
        right = weighted.inside(weighted.words.sum(1).expand(1, length, -1)).by_start

        def prediction(text: Tensor) -> Tensor:
            words, _ = _scaled(weighted.words.T[text])
            return weighted.outside(weighted.inside(words).by_end, right.expand(-1, len(text), -1, -1).contiguous())

        return _in_parts(prediction, text, self._rows(length))

    def others(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b n v"]:
        weighted = self._weighted_rules.to(evidence.device)

        def posterior(evidence: Tensor) -> Tensor:
            chart = weighted.inside(_scaled(evidence.double() @ weighted.words.T)[0])
            return weighted.outside(chart.by_end, chart.by_start)

        return _in_parts(posterior, evidence, self._rows(evidence.shape[1]))

    def marginal(self, length: int) -> Float[Tensor, "n v"]:
        return self.others(torch.ones(1, length, self.symbols))[0].exp()

    def _rows(self, length: int) -> int:
        return max(1, LARGEST // ((length + 1) ** 2 * len(self._weighted_rules.words)))


def _random_rules(classes: int, generator: torch.Generator) -> tuple[Int[Tensor, "r 3"], Float[Tensor, "r"]]:
    """Sample the three rules of each phrase. Phrases have the numbers below `classes`, word classes the others."""
    phrase = torch.arange(classes)
    # All phrases occur equally often in other phrases, and so do all classes.
    shuffled = torch.rand(6, classes, generator=generator).argsort(1)
    shuffled[:3] += classes
    swapped = torch.rand(classes, generator=generator) < 0.5
    mixed = torch.where(swapped, shuffled[[4, 2]], shuffled[[2, 4]])
    parts = torch.cat([shuffled[:2], mixed, shuffled[[3, 5]]], dim=0)
    rules = torch.cat([torch.stack([phrase, left, right], dim=1) for left, right in parts.view(3, 2, -1)])
    shares = torch.tensor([TWO_CLASSES, CLASS_AND_PHRASE, TWO_PHRASES], dtype=torch.float64)
    return rules, shares.repeat_interleave(classes)


@dataclass(frozen=True)
class _Chart:
    """The weight of each symbol A over each span of a text, by start and length k, and by end and n - k.

    Positions come before texts, and lengths go up in one table and down in the other, so that products need no copies.
    """

    by_start: Float[Tensor, "start b k a"]
    by_end: Float[Tensor, "end b k a"]

    @classmethod
    def empty(cls, length: int, size: int, like: Tensor) -> _Chart:
        by_start, by_end = like.new_zeros(2, length + 1, size, length + 1, like.shape[-1]).unbind(0)
        return cls(by_start, by_end)

    def put(self, k: int, weights: Float[Tensor, "spans b a"]) -> None:
        self.by_start[: len(weights), :, k] = weights
        self.by_end[k:, :, len(weights) - 1] = weights


@dataclass(frozen=True)
class _WeightedRules:
    """The rules (A, B, C) and weights of A → B C, the weights of A → word, and the dynamic programs with them."""

    rules: Int[Tensor, "r 3"]
    weights: Float[Tensor, "r"]
    words: Float[Tensor, "a v"]

    def to(self, device: torch.device) -> _WeightedRules:
        return _WeightedRules(self.rules.to(device), self.weights.to(device), self.words.to(device))

    def apply(
        self, to: int, first: int, second: int, pairs: Float[Tensor, "spans b first second"]
    ) -> Float[Tensor, "spans b symbol"]:
        """Sum the weighted pairs of symbols at the places `first` and `second` of the rules, by that at place `to`."""
        rules, number = self.rules.T, len(self.words)
        used = pairs.flatten(2).index_select(2, rules[first] * number + rules[second])
        return used @ (self.weights.unsqueeze(1) * torch.nn.functional.one_hot(rules[to], number))

    def cumulative(self, device: torch.device) -> Float[Tensor, "av"]:
        running = self.words.cumsum(1)
        shares = running / running[:, -1:]
        return (shares + torch.arange(len(shares)).unsqueeze(1)).flatten().to(device)

    def inside(self, words: Float[Tensor, "b n a"]) -> _Chart:
        """Return the weights of all spans, given the likelihood of each word under each nonterminal."""
        size, length, _ = words.shape
        chart = _Chart.empty(length, size, words)
        chart.put(1, words.transpose(0, 1))
        for k in range(2, length + 1):
            starts = length - k + 1
            left, right = chart.by_start[:starts, :, 1:k], chart.by_end[k:, :, starts:length]
            chart.put(k, self.apply(0, 1, 2, left.mT @ right))
        return chart

    def outside(self, left: Float[Tensor, "end b k a"], right: Float[Tensor, "start b k a"]) -> Float[Tensor, "b n v"]:
        """Return the log-probability of each word, given the weights of all spans before it and after it."""
        length, size = len(left) - 1, left.shape[1]
        # Only phrases have parts, and their numbers come first.
        phrases = len(self.rules) // 3
        around = _Chart.empty(length, size, left)
        around.put(length, torch.eye(left.shape[3], dtype=left.dtype, device=left.device)[:1].expand(1, size, -1))
        for k in range(length - 1, 0, -1):
            starts, others = length - k + 1, length - k
            # The span as left part of a longer span, beside the right part after it; then as right part.
            longer, beside = around.by_start[:starts, :, k + 1 :, :phrases], right[k:, :, 1 : others + 1]
            weights = self.apply(1, 0, 2, longer.mT @ beside)
            longer, beside = around.by_end[k:, :, :others, :phrases], left[:starts, :, k:length]
            around.put(k, weights + self.apply(2, 0, 1, longer.mT @ beside))
        words = around.by_start[:length, :, 1].transpose(0, 1) @ self.words
        return (words / words.sum(2, keepdim=True)).log()


def _scaled(words: Float[Tensor, "b n a"]) -> tuple[Float[Tensor, "b n a"], Float[Tensor, "b n"]]:
    """Return weights with mean 1 at each position, so that products over a text do not underflow, and log-scales."""
    scale = words.mean(2)
    scale = torch.where(scale > 0, scale, 1.0)
    return words / scale.unsqueeze(2), scale.log()


def _in_parts(function: Callable[[Tensor], Tensor], texts: Tensor, rows: int) -> Tensor:
    return torch.cat([function(part) for part in torch.split(texts, rows)])
