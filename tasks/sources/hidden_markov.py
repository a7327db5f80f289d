"""Texts from a random hidden Markov model."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .text import SOURCES, TextSource

KEPT = 31
"""From word to word the topic stays with probability KEPT / (KEPT + 1); otherwise all others are equally likely."""


@SOURCES.register("hidden_markov")
class HiddenMarkov(TextSource):
    """A state is a topic and a word class. The topic determines the order of classes, the class the words.

    A class has the same words in all topics, so that only the order of words contains information about the topic, and
    a word belongs to several classes: topic and class must be inferred from many words. With the defaults and 32 words,
    the entropy of a word is 3.43 nats, given one word before it 2.98, given two 2.26, and given all 1.88.

    As in GINC, the transitions between classes are a convex combination of random permutations, here of two. There a
    topic (a concept) lasts for a whole document and a state has one word; here it lasts for about KEPT words, so that a
    model has to infer it again and again. Each distribution is a row of equally likely entries, sampled with whole
    numbers, so that samples are the same on every machine. Each column of the table of next states is a permutation of
    the states, so that all states are equally likely at all times. Probabilities come from the forward-backward
    algorithm.

    Source: Xie et al. 2021 (GINC, arXiv 2111.02080), section 4.
    """

    def __init__(self, symbols: int, language: int = 0, *, topics: int = 4, classes: int = 16) -> None:
        if min(symbols, topics, classes) < 1:
            raise ValueError(
                f"symbols, topics and classes are {symbols}, {topics} and {classes}, but must be at least 1"
            )
        self.symbols, self.topics, self.classes, self.states = symbols, topics, classes, topics * classes
        own = torch.Generator().manual_seed(language)
        self._steps = self._draw_steps(own)
        self._words = self._draw_words(own).repeat(topics, 1)
        self.transition = _frequencies(self._steps, self.states)
        self.emission = _frequencies(self._words, symbols)

    def sample(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        device = generator.device
        steps, words = self._steps.to(device), self._words.to(device)
        columns = torch.randint(steps.shape[1], (length, size), generator=generator, device=device)
        spelt = torch.randint(words.shape[1], (length, size), generator=generator, device=device)
        # A row is given by its first index, and each step writes in place: only two calls for each word.
        width = steps.shape[1]
        begins, urns = steps * width, torch.empty_like(columns)
        urns[0] = torch.randint(self.states, (size,), generator=generator, device=device) * width
        for last, entry, urn in zip(urns[:-1].unbind(), columns[1:].unbind(), urns[1:].unbind(), strict=True):
            torch.take(begins, entry.add_(last), out=urn)
        return torch.take(words, urns // width * words.shape[1] + spelt).T.contiguous()

    def log_likelihood(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b"]:
        return self._forward(self._by_state(evidence))[1]

    def next_word(self, text: Int[Tensor, "b n"]) -> Float[Tensor, "b n v"]:
        emission = self.emission.to(text.device)
        before, _ = self._forward(emission.T[text])
        return (before @ emission).log()

    def others(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b n v"]:
        emission, seen = self.emission.to(evidence.device), self._by_state(evidence)
        before, _ = self._forward(seen)
        joint = (before * self._backward(seen)) @ emission
        return (joint / joint.sum(2, keepdim=True).clamp_min(_TINY)).log()

    def marginal(self, length: int) -> Float[Tensor, "n v"]:
        return self.emission.mean(0).expand(length, -1)

    def _by_state(self, evidence: Float[Tensor, "b n v"]) -> Float[Tensor, "b n s"]:
        return evidence.double() @ self.emission.to(evidence.device).T

    def _forward(self, seen: Float[Tensor, "b n s"]) -> tuple[Float[Tensor, "b n s"], Float[Tensor, "b"]]:
        """Return P(state at t | evidence before t), and the log-likelihood of all the evidence."""
        transition = self.transition.to(seen.device)
        before = torch.empty_like(seen)
        before[:, 0] = 1 / self.states
        total = seen.new_zeros(len(seen))
        for t in range(seen.shape[1]):
            joint = before[:, t] * seen[:, t]
            norm = joint.sum(1, keepdim=True)
            total = total + norm.squeeze(1).log()
            if t + 1 < seen.shape[1]:
                before[:, t + 1] = (joint / norm.clamp_min(_TINY)) @ transition
        return before, total

    def _backward(self, seen: Float[Tensor, "b n s"]) -> Float[Tensor, "b n s"]:
        """Return P(evidence after t | state at t), up to a factor for each t."""
        transition = self.transition.to(seen.device)
        after = torch.ones_like(seen)
        for t in range(seen.shape[1] - 1, 0, -1):
            joint = after[:, t] * seen[:, t]
            after[:, t - 1] = (joint / joint.sum(1, keepdim=True).clamp_min(_TINY)) @ transition.T
        return after

    def _draw_steps(self, own: torch.Generator) -> Int[Tensor, "s u"]:
        """Return the next states of each state: KEPT of KEPT + 1 in its topic, 3 of 4 by the first permutation."""
        order = torch.rand(2, self.topics, self.classes, generator=own, dtype=torch.float64).argsort(2)
        kept = torch.zeros(KEPT * max(self.topics - 1, 1), dtype=torch.long)
        shifts = torch.cat([kept, torch.arange(1, self.topics)])
        topics = (torch.arange(self.topics) + shifts.unsqueeze(1)) % self.topics
        steps = topics[:, None, :, None] * self.classes + order[[0, 0, 0, 1]]
        return steps.flatten(2).flatten(0, 1).T.contiguous()

    def _draw_words(self, own: torch.Generator) -> Int[Tensor, "c u"]:
        """Return the words of each class: a few, with decreasing frequencies."""
        own_words = max(4, -(-2 * self.symbols // self.classes))
        rounds = -(-own_words * self.classes // self.symbols)
        stream = torch.rand(rounds, self.symbols, generator=own, dtype=torch.float64).argsort(1).flatten()
        ranked = stream[: own_words * self.classes].view(own_words, self.classes)
        times = torch.tensor([max(own_words >> rank, 1) for rank in range(own_words)])
        return ranked.repeat_interleave(times, 0).T.contiguous()


_TINY = torch.finfo(torch.float64).tiny


def _frequencies(urns: Int[Tensor, "r u"], size: int) -> Float[Tensor, "r size"]:
    """Return the relative frequency of each number in each row."""
    ones = torch.ones_like(urns, dtype=torch.float64)
    return torch.zeros(len(urns), size, dtype=torch.float64).scatter_add_(1, urns, ones) / urns.shape[1]
