"""Sampling of the trees of a context-free grammar with an exact number of tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Grammar:
    """A weighted context-free grammar in Chomsky normal form: A → B C, or A → token.

    The weight of a tree is the product of the weights of its rules (parent, left, right) and of its terminal rules; the
    weight of A → token is `terminals[A]`. Symbol 0 is the root. The probability of a tree of n tokens is its share of
    the weight of all of them. First the total weight of the trees of each symbol and length is computed (the inside
    weights of Lari & Young 1990, by length instead of words). Then a rule and a split are sampled for each node, from
    the root down, all nodes of one depth in all trees at once, so that there are as many steps as the deepest tree has
    levels.

    All subtrees of symbol A with `uniform[A]` tokens (1 by default) yield the same tokens, so they are not expanded.
    """

    def __init__(
        self,
        terminals: Float[Tensor, "a"],
        rules: Int[Tensor, "r 3"],
        weights: Float[Tensor, "r"],
        uniform: Int[Tensor, "a"] | None = None,
    ) -> None:
        order = rules[:, 0].sort(stable=True).indices
        self.terminals, self.rules, self.weights = terminals.double(), rules[order], weights[order].double()
        self.uniform = torch.ones(len(terminals), dtype=torch.long) if uniform is None else uniform
        self._tables: dict[torch.device, _Tables] = {}

    def inside(self, length: int) -> Float[Tensor, "a n"]:
        """Return the total weight of the trees of each symbol and each length, from 0, where it is 0, to `length`."""
        return self._prepared(length, torch.device("cpu")).inside[:, : length + 1]

    def sample(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b n"]:
        """Sample `size` trees of `length` tokens; return the symbol of each token.

        A subtree that is not expanded has its symbol at its first token, and symbol 0 at the others.
        """
        tables, device = self._prepared(length, generator.device), generator.device
        place = torch.arange(0, size * length, length, device=device)
        nodes = torch.stack([place, torch.zeros_like(place), torch.full_like(place, length)])
        symbols = torch.zeros(size * length, dtype=torch.long, device=device)
        # A tree of n tokens has n - 1 inner nodes, and each needs a rule and a split.
        draws = torch.rand(2, size * (length - 1), generator=generator, device=device)
        while nodes.shape[1] and length > 1:
            now, draws = draws.tensor_split([nodes.shape[1]], dim=1)
            nodes = tables.expand(nodes, now, length)
            # The first token of a subtree is written at every depth, and keeps the deepest symbol.
            symbols.scatter_(0, nodes[0], nodes[1])
            inner = (nodes[2] > tables.uniform.index_select(0, nodes[1])).nonzero().squeeze(1)
            nodes = nodes.index_select(1, inner)
        return symbols.view(size, length)

    def _prepared(self, length: int, device: torch.device) -> _Tables:
        tables = self._tables.get(device)
        if tables is None or tables.longest < length:
            longest = max(length, 64, 2 * tables.longest if tables else 0)
            tables = self._tables[device] = _Tables.of(self, longest).to(device)
        return tables


@dataclass(frozen=True)
class _Tables:
    """The tables for sampling. A state is length * symbols + symbol, and a choice is a rule with a length.

    `shares` are the cumulative probabilities of the rules of each state without the last, `first` is its first choice.
    Columns of `splits`: the symbols of the two parts, the least length of the left part, the number of its possible
    lengths, and the indices in `inside` of the weights of the two parts at that least length. `running` is the
    cumulative sum of the weights of all splits, choice after choice, each with the sum 1; `end` is where the splits of
    a choice end.
    """

    inside: Float[Tensor, "a n"]
    uniform: Int[Tensor, "a"]
    shares: Float[Tensor, "state k"]
    first: Int[Tensor, "state"]
    splits: Int[Tensor, "choice 6"]
    scale: Float[Tensor, "choice"]
    running: Float[Tensor, "split"]
    end: Int[Tensor, "listed"]

    @property
    def longest(self) -> int:
        return self.inside.shape[1] - 1

    def to(self, device: torch.device) -> _Tables:
        return _Tables(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    @classmethod
    def of(cls, grammar: Grammar, longest: int) -> _Tables:
        parent, left, right = grammar.rules.T
        inside = torch.zeros(len(grammar.terminals), longest + 1, dtype=torch.float64)
        total = torch.zeros(len(parent), longest + 1, dtype=torch.float64)
        inside[:, 1] = grammar.terminals
        for span in range(2, longest + 1):
            total[:, span] = (inside[left, 1:span] * inside[right, 1:span].flip(1)).sum(1)
            inside[:, span].index_add_(0, parent, grammar.weights * total[:, span])
        shares, first = _shares(parent, total * grammar.weights.unsqueeze(1), len(inside))
        splits, total = _splits(inside, left, right), total.T.flatten()
        scale = torch.where(total > 0, total.reciprocal(), 0.0)
        listed = splits[: len(parent) * (_listed(len(parent)) + 1)]
        running, end = _lay_out(inside, listed, scale[: len(listed)])
        return cls(inside, grammar.uniform, shares, first, splits, scale, running, end)

    def expand(self, nodes: Int[Tensor, "3 m"], draws: Float[Tensor, "2 m"], longest: int) -> Int[Tensor, "3 2*m"]:
        """Sample a rule and a split for each node (place, symbol, length); return all left parts, then all right ones.

        Whether the list of splits is used depends only on the length of the whole trees, so that the result does not
        depend on the lengths that were sampled before.
        """
        place, symbol, span = nodes
        state = span * len(self.inside) + symbol
        passed = (self.shares.index_select(0, state) <= draws[0].unsqueeze(1)).sum(1)
        choice = self.first.index_select(0, state) + passed
        splits = self.splits.index_select(0, choice)
        if longest <= _listed(len(self.splits) // (self.longest + 1)):
            running, end = self.running, self.end.index_select(0, choice)
        else:
            running, end = _lay_out(self.inside, splits, self.scale.index_select(0, choice))
        left, right, lowest, count, _, _ = splits.unbind(1)
        cut = lowest + _search(running, end - count, end, draws[1])
        return torch.stack([torch.cat([place, place + cut]), torch.cat([left, right]), torch.cat([cut, span - cut])])


def _listed(rules: int) -> int:
    """Return the largest length for which the splits of all choices are listed in advance, in at most 2^22 entries."""
    return math.isqrt(2**23 // rules)


def _lay_out(
    inside: Float[Tensor, "a n"], splits: Int[Tensor, "m 6"], scale: Float[Tensor, "m"]
) -> tuple[Float[Tensor, "split"], Int[Tensor, "m"]]:
    """Return the cumulative sum of the weights of all splits of m choices, each with the sum 1, and where each ends."""
    count, at_left, at_right = splits[:, 3:].unbind(1)
    end = count.cumsum(0)
    start = end - count
    choice = torch.repeat_interleave(count)
    step = torch.arange(len(choice), device=choice.device)
    left = inside.view(-1).index_select(0, (at_left - start).index_select(0, choice).add_(step))
    right = inside.view(-1).index_select(0, (at_right + start).index_select(0, choice).sub_(step))
    return left.mul_(right).mul_(scale.index_select(0, choice)).cumsum(0), end


def _search(running: Tensor, start: Tensor, end: Tensor, draws: Tensor) -> Tensor:
    """Return the split that each draw selects, among those of a choice, from `start` to before `end`."""
    after = running.index_select(0, end - 1)
    before = torch.where(start > 0, running.index_select(0, (start - 1).clamp_min(0)), 0.0)
    found = torch.searchsorted(running, before + (after - before) * draws, right=True)
    return torch.minimum(found, end - 1) - start


def _splits(inside: Tensor, left: Tensor, right: Tensor) -> Int[Tensor, "choice 6"]:
    width = inside.shape[1]
    length, possible = torch.arange(width), inside > 0
    least = torch.where(possible, length, width).amin(1, keepdim=True)
    most = torch.where(possible, length, 0).amax(1, keepdim=True)
    lowest = torch.maximum(least[left], length - most[right])
    count = (torch.minimum(most[left], length - least[right]) - lowest + 1).clamp_min(0)
    left, right = left.unsqueeze(1).expand_as(lowest), right.unsqueeze(1).expand_as(lowest)
    columns = [left, right, lowest, count, left * width + lowest, right * width + length - lowest]
    return torch.stack(columns, dim=2).transpose(0, 1).flatten(0, 1).contiguous()


def _shares(parent: Tensor, weights: Tensor, symbols: int) -> tuple[Float[Tensor, "state k"], Int[Tensor, "state"]]:
    number = torch.bincount(parent, minlength=symbols)
    start = number.cumsum(0) - number
    # One row for the rules of each symbol; the missing rules of symbols with fewer have weight 0.
    column = torch.arange(int(number.max()))
    at = (start.unsqueeze(1) + column).clamp_max(len(parent) - 1)
    running = torch.where((column < number.unsqueeze(1)).unsqueeze(2), weights[at], 0.0).cumsum(1)
    shares = (running[:, :-1] / running[:, -1:]).nan_to_num(1.0)
    # Because sums are rounded, the last rule with a weight gets the rest.
    shares[running[:, :-1] >= running[:, -1:]] = 2.0
    choice = start + len(parent) * torch.arange(weights.shape[1]).unsqueeze(1)
    return shares.permute(2, 0, 1).flatten(0, 1).contiguous(), choice.flatten()
