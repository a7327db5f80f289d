"""ListOps: the value of a nested expression over digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import ClassVar

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from .sources.grammar import Grammar
from .spaces import Classes, Tokens
from .task import TASKS, Batch, Part, Presets, Task

NESTS = 0.25
"""The published probability that an argument is an expression, not a digit."""


@TASKS.register("listops")
class ListOps(Task):
    """A nested expression of `length` tokens, with MIN, MAX, MED and SM (sum modulo 10) of digits: what is its value?

    With length=10:

        source  [MAX 4 [MED 3 9 5 2 ] 1 ]
        query   ?
        answer  4

    The distribution is that of the published generator, given that the expression has exactly `length` tokens, without
    the parentheses of the published binary trees. In training on mixed lengths, each is as likely as there. An argument
    is an expression with probability 1/4 and a digit otherwise, always a digit at depth `max_depth`; the root has depth
    1. An expression has 2 to `max_args` arguments. MED, the median, is rounded down, as in the publication.

    The published data contain no expression twice, which changes only short ones: here 15 % of the examples of `nangia`
    have four tokens, there fewer than 1 %. `nangia` has at most 100 tokens; the authors' script has no limit, and a
    tenth of its expressions are longer.

    Source: Nangia & Bowman 2018 (arXiv 1804.06028); Tay et al. 2020 (arXiv 2011.04006), section 2.2.1.
    """

    family = "formal language"
    drawn_together = 64
    presets: ClassVar[Presets] = {
        "lra": {"length": [501, 1999], "test_lengths": [501, 1000, 1999], "max_args": 10, "max_depth": 10},
        "nangia": {"length": [4, 100], "test_lengths": [25, 50, 100], "max_args": 5, "max_depth": 20},
    }

    def __init__(self, *, max_args: int = 5, max_depth: int = 10) -> None:
        if max_args < 2 or max_depth < 2:
            raise ValueError(f"listops needs max_args >= 2 and max_depth >= 2, not {max_args} and {max_depth}")
        self.max_args, self.max_depth = max_args, max_depth
        self.operators, self.close, self.mark = range(10, 14), 14, 15
        self.source_space = self.query_space = Tokens(16, "listops")
        self.target_space = Classes(10)
        self.grammar = expressions(max_args, max_depth)

    def check_length(self, length: int) -> None:
        if length < 4 or self.grammar.inside(length)[0, length] == 0:
            raise ValueError(
                f"length is {length}, but no expression has so many tokens with 2 to {self.max_args} arguments "
                f"and a depth of at most {self.max_depth}"
            )

    def length_weights(self, lengths: Sequence[int]) -> Float[Tensor, "n"]:
        return self.grammar.inside(max(lengths))[0, list(lengths)]

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        symbols = self.grammar.sample(length, size, generator)
        # One random number below 20 is enough for a digit or an operator, as a token is only one of the two.
        draw = torch.randint(20, symbols.shape, generator=generator, device=symbols.device)
        tokens = torch.where(symbols == OPEN, 10 + draw // 5, draw % 10)
        source = torch.where(symbols == CLOSE, self.close, tokens)
        return Batch(
            source=source,
            query=source.new_full((size, 1), self.mark),
            target=evaluate(source).unsqueeze(1),
            scored=torch.ones(size, 1, dtype=torch.bool, device=source.device),
            links=torch.ones(size, 1, length, dtype=torch.bool, device=source.device),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        self.check_length(length)
        return torch.tensor([value_distribution(length, self.max_args, self.max_depth)], dtype=torch.float64)

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        values = [self._value(tokens) for tokens in batch.source.tolist()]
        return torch.tensor(values, device=batch.source.device).unsqueeze(1)

    def words(self, part: Part) -> list[str]:
        digits = [str(digit) for digit in range(10)]
        return digits if part == "target" else [*digits, "[MIN", "[MAX", "[MED", "[SM", "]", "?"]

    def _value(self, tokens: list[int]) -> int:
        """Evaluate one expression with a stack of the argument lists that are not finished."""
        stack: list[list[int]] = [[]]
        for token in tokens:
            if token in self.operators:
                stack.append([token])
            elif token == self.close and len(stack) > 1:
                operator, *values = stack.pop()
                stack[-1].append(_apply_to_list(operator, sorted(values)))
            elif 0 <= token < 10:
                stack[-1].append(token)
        return stack[0][0] if stack[0] else 0


def _apply_to_list(operator: int, values: list[int]) -> int:
    middle = len(values) // 2
    median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) // 2
    return (values[0], values[-1], median, sum(values) % 10)[operator - 10]


OPEN, CLOSE = 1, 2


def expressions(max_args: int, max_depth: int) -> Grammar:
    """Return the grammar of expressions. Lists of arguments are split in halves, so that its trees are shallow."""
    rules, weights, terminals, uniform = [], [], [1 - NESTS, 1.0, 1.0], [1, 1, 1]
    argument = 0
    for depth in range(1, max_depth):
        # The parts of an expression at this depth: the rest after its operator, then lists of 2, 3, ... arguments.
        expression, rest = argument, len(terminals)
        argument = rest + max_args
        lists = [-1, argument, *range(rest + 1, argument)]
        # A list with as many tokens as arguments has only digits.
        uniform += [1, *range(2, max_args + 1), 1]
        terminals += [0.0] * max_args + [1 - NESTS if depth + 1 < max_depth else 1.0]
        rules += [(expression, OPEN, rest), *((rest, lists[count], CLOSE) for count in range(2, max_args + 1))]
        weights += [NESTS, *[1 / (max_args - 1)] * (max_args - 1)]
        rules += [(lists[n], lists[n // 2], lists[n - n // 2]) for n in range(2, max_args + 1)]
        weights += [1.0] * (max_args - 1)
    # A weight in single precision would be wrong by 1e-6 for the trees of 2000 tokens.
    weight = torch.tensor(weights, dtype=torch.float64)
    return Grammar(torch.tensor(terminals), torch.tensor(rules), weight, torch.tensor(uniform))


def evaluate(tokens: Int[Tensor, "b n"]) -> Int[Tensor, "b"]:
    """Return the value of each row. All expressions of one depth are evaluated at once, the deepest first."""
    opens, closes = (tokens >= 10) & (tokens < 14), tokens == 14
    # The number of operators around each argument, without its own; closing brackets have -1.
    depth = ((opens.int() - closes.int()).cumsum(1) - opens.int()).masked_fill_(closes, -1).flatten()
    opens, value = opens.flatten(), tokens.flatten().clone()
    order = depth.short().sort(stable=True).indices
    _, *levels = torch.split(order, torch.bincount(depth + 1).tolist())
    for above, arguments in reversed(list(pairwise(levels))):
        operators = above[opens[above]]
        owner = torch.searchsorted(operators, arguments) - 1
        counts = torch.zeros(len(operators) * 10, dtype=torch.long, device=tokens.device)
        counts.index_add_(0, owner * 10 + value[arguments], torch.ones_like(owner))
        value[operators] = _apply_to_counts(value[operators], counts.view(-1, 10))
    return value.view_as(tokens)[:, 0]


def _apply_to_counts(operator: Int[Tensor, "m"], counts: Int[Tensor, "m 10"]) -> Int[Tensor, "m"]:
    """Apply operators to arguments, given the number of arguments with each value."""
    running = counts.cumsum(1)
    last, which = running[:, -1] - 1, operator - 10
    # The least, the greatest and the median are each the mean of the values at two ranks, which may be equal.
    ranks = last * torch.tensor([0, 2, 1, 0], device=last.device)[which]
    ranks = torch.stack([ranks // 2, (ranks + 1) // 2], dim=1)
    ranked = (running.unsqueeze(1) <= ranks.unsqueeze(2)).sum((1, 2)) // 2
    total = (counts * torch.arange(10, device=counts.device)).sum(1)
    return torch.where(which == 3, total % 10, ranked)


@lru_cache(maxsize=4096)
def value_distribution(length: int, max_args: int, max_depth: int) -> tuple[float, ...]:
    """Return the probability of each value among expressions of exactly `length` tokens.

    The weight of the expressions with n tokens and value v is the n-th coefficient of a polynomial f_v(z), which is
    evaluated depth by depth for each z. A Fourier sum over a circle of z gives the coefficient. The radius is a saddle
    point, at which expressions of about `length` tokens have the largest weight, reduced a little to damp aliasing; the
    rounding error is then below 1e-10.
    """
    points = 16 * length
    radius = _saddle_point(length, max_args, max_depth) * 10 ** (-18 / points)
    # Conjugate points have conjugate values, so the upper half of the circle is enough.
    step = torch.arange(points // 2 + 1, dtype=torch.float64)
    distribution = _generating_functions(
        torch.polar(torch.full_like(step, radius), 2 * math.pi / points * step), max_args, max_depth
    )
    weights = torch.fft.hfft(distribution, n=points, dim=1)[:, length]
    return tuple((weights / weights.sum()).clamp_min(0).tolist())


def _saddle_point(length: int, max_args: int, max_depth: int) -> float:
    log_radius = torch.linspace(-8, 8, 32_001, dtype=torch.float64)
    z = log_radius.exp()
    total = z
    for _ in range(max_depth - 1):
        arguments = sum(total**count for count in range(2, max_args + 1))
        total = (1 - NESTS) * z + NESTS * z**2 * arguments / (max_args - 1)
    height = total.log() - length * log_radius
    return float(z[height.nan_to_num(math.inf).argmin()])


def _generating_functions(z: Complex[Tensor, "z"], max_args: int, max_depth: int) -> Complex[Tensor, "10 z"]:
    digit = (z / 10).expand(10, -1)
    distribution = digit
    for _ in range(max_depth - 1):
        results = sum(_results(distribution, count) for count in range(2, max_args + 1))
        distribution = (1 - NESTS) * digit + NESTS / (4 * (max_args - 1)) * z**2 * results
    return distribution


def _results(distribution: Complex[Tensor, "10 z"], count: int) -> Complex[Tensor, "10 z"]:
    """Return the sum of the distributions of the four operators' results, given that of one of `count` arguments."""
    low = distribution.cumsum(0)
    high = distribution.sum(0) - low
    high[-1] = 0
    at_most = low**count + (low[-1] ** count - high**count) + _median_at_most(low, high, count)
    total: Tensor = torch.fft.ifft(torch.fft.fft(distribution, dim=0) ** count, dim=0)
    return total + at_most.diff(dim=0, prepend=torch.zeros_like(low[:1]))


def _median_at_most(low: Complex[Tensor, "10 z"], high: Complex[Tensor, "10 z"], count: int) -> Complex[Tensor, "10 z"]:
    """Return the weight of a median of at most v, given that of one argument of at most v (low) and of more (high)."""
    at_most = torch.zeros_like(low)
    for number in range(count // 2 + 1, count + 1):
        at_most += math.comb(count, number) * low**number * high ** (count - number)
    if count % 2 == 0:
        # Half of the arguments are at most v. With a the greatest of these and b the least of the others, the median
        # is (a + b) // 2, and it must be at most v.
        lower, upper = low ** (count // 2), high ** (count // 2)
        for v in range(10):
            for a in range(v + 1):
                b = min(2 * v + 1 - a, 9)
                exactly = lower[a] - lower[a - 1] if a else lower[a]
                at_most[v] += math.comb(count, count // 2) * exactly * (upper[v] - upper[b])
    return at_most
