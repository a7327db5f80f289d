"""Modular arithmetic: evaluate an expression without brackets."""

from __future__ import annotations

from functools import lru_cache
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .sources.strings import StringTask
from .task import TASKS, Batch, Presets


@TASKS.register("modular_arithmetic")
class ModularArithmetic(StringTask):
    """An expression of `length` symbols, alternately digits and operators +, -, *: what is its value modulo `modulus`?

    With modulus=5 and length=7 ("?" is a mark):

        source  2 - 3 * 4 + 1
        query   ?
        answer  1

    A regular task, published as modular arithmetic (simple) with modulus 5. Digits and operators are uniform, and * is
    evaluated before + and -. All positions are linked, but not all are necessary: a factor 0 makes others irrelevant.
    The length is odd. The published code takes one from an even length, as the preset does, where the text adds one.

    Source: Delétang et al. 2022, "Neural networks and the Chomsky hierarchy" (arXiv 2207.02098), appendix A.
    """

    presets: ClassVar[Presets] = {"deletang": {"length": [1, 39], "test_lengths": [41, 101, 201, 301, 401, 499]}}

    def __init__(self, *, modulus: int = 5) -> None:
        if modulus < 2:
            raise ValueError(f"modulus is {modulus}, but must be at least 2, or the answer is always the same")
        self.modulus = modulus
        digits = [str(digit) for digit in range(modulus)]
        super().__init__("modular_arithmetic", [*digits, "+", "-", "*"], digits)
        self.plus, self.minus, self.times = range(modulus, modulus + 3)

    def check_length(self, length: int) -> None:
        if length < 1 or length % 2 == 0:
            raise ValueError(f"length is {length}, but must be odd, as there is an operator between any two digits")

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device, count = generator.device, length // 2
        source = torch.empty(size, length, dtype=torch.long, device=device)
        source[:, 0::2] = torch.randint(self.modulus, (size, count + 1), generator=generator, device=device)
        source[:, 1::2] = torch.randint(self.plus, self.times + 1, (size, count), generator=generator, device=device)
        return self.ask(source, self._evaluate(source), torch.ones_like(source, dtype=torch.bool).unsqueeze(1))

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return _prior(length // 2, self.modulus)

    def answer(self, batch: Batch) -> Tensor:
        """Read from left to right, and keep the sum of the finished terms and the value of the current term."""
        total, term = torch.zeros_like(batch.source[:, 0]), batch.source[:, 0]
        for operator, digit in zip(batch.source[:, 1::2].unbind(1), batch.source[:, 2::2].unbind(1), strict=True):
            total = torch.where(operator == self.times, total, total + term)
            sign = torch.where(operator == self.minus, -1, 1)
            term = torch.where(operator == self.times, term * digit, sign * digit) % self.modulus
        return (total + term).unsqueeze(1) % self.modulus

    def _evaluate(self, source: Int[Tensor, "b s"]) -> Int[Tensor, "b 1"]:
        """Multiply within each term by a segmented scan that doubles its reach, and add the products of the terms."""
        products, operators = source[:, 0::2].clone(), source[:, 1::2]
        products[:, 1:] *= torch.where(operators == self.minus, -1, 1)
        first = torch.ones_like(products, dtype=torch.bool)
        first[:, 1:] = operators != self.times
        last = first.roll(-1, 1)  # rolled to the end, the first digit marks that the last one ends a term
        reach = 1
        while reach < products.shape[1]:
            before = torch.where(first[:, reach:], 1, products[:, :-reach])
            products = torch.cat([products[:, :reach], products[:, reach:] * before % self.modulus], dim=1)
            first = torch.cat([first[:, :reach], first[:, reach:] | first[:, :-reach]], dim=1)
            reach *= 2
        return (products * last).sum(1, keepdim=True) % self.modulus


@lru_cache
def _prior(operators: int, modulus: int) -> Float[Tensor, "1 c"]:
    """Return the distribution of the value, from that of (sum of finished terms, current term).

    A term after + or - starts with a uniform digit, so its sign does not change its distribution.
    """
    residues = torch.arange(modulus)
    distribution = torch.zeros(modulus, modulus, dtype=torch.float64)
    distribution[0] = 1 / modulus
    multiplied = torch.zeros(modulus, modulus, dtype=torch.float64)
    for digit in range(modulus):
        multiplied[residues, residues * digit % modulus] += 1 / modulus
    # Row s: the terms that complete each sum to s.
    completes = (residues.unsqueeze(1) - residues) % modulus
    for _ in range(operators):
        finished = distribution[residues, completes].sum(1, keepdim=True)
        distribution = distribution @ multiplied / 3 + finished.expand(-1, modulus) * 2 / (3 * modulus)
    return distribution[residues, completes].sum(1).unsqueeze(0)
