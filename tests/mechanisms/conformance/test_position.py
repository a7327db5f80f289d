"""The checks of a position scheme: each finds a fault and says what is wrong."""

import pytest
import torch
from torch import nn

from mechanisms import POSITIONS
from mechanisms.conformance.compiling import STOPS
from tests.conformance import checks_without_fault, message, result_of


class CountsFromZero(POSITIONS["none"]):
    def embed(self, x, position):
        return x + torch.arange(x.shape[1], dtype=x.dtype)[:, None]


class TakesTheWidthAlone(POSITIONS["none"]):
    def __init__(self, width):
        super().__init__(width)


class EmbedsInDouble(POSITIONS["none"]):
    def embed(self, x, position):
        return x + position.double()[:, None]


class BiasOverBatch(POSITIONS["none"]):
    def bias(self, query, key):
        return (query[:, None] - key).float()[None, None]


class MasksByBias(POSITIONS["none"]):
    def bias(self, query, key):
        return torch.zeros(self.heads, len(query), len(key)).masked_fill(key > query[:, None], float("-inf"))


class BiasByIndex(POSITIONS["none"]):
    def bias(self, query, key):
        return torch.arange(len(key)).float().expand(self.heads, len(query), len(key))


class TurnsByIndex(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, torch.arange(x.shape[2]))


class Stretches(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, position) * 1.1


class TurnsFaster(POSITIONS["rotary"]):
    def rotate(self, x, position):
        return super().rotate(x, position**2)


class OneRowShort(POSITIONS["learned"]):
    def __init__(self, width, heads=1, causal=True):
        super().__init__(width, heads, causal, max_length=16)
        self.max_length = 17


class Unregistered(POSITIONS["none"]):
    def __init__(self, width, heads=1, causal=True):
        super().__init__(width, heads, causal)
        self.table = torch.randn(64, width, dtype=torch.float64)

    def embed(self, x, position):
        return x + self.table[position].to(x.dtype)


class DeadTable(POSITIONS["t5"]):
    def bias(self, query, key):
        return super().bias(query, key).detach()


class NoGraph(POSITIONS["none"]):
    def embed(self, x, position):
        return x / 2 if position.max() > 100 else x


class OtherWhenCompiled(POSITIONS["none"]):
    def embed(self, x, position):
        return x * (2 if torch.compiler.is_compiling() else 1)


class Random(POSITIONS["none"]):
    def embed(self, x, position):
        return x + torch.randn_like(x)


FAULTS = [
    (CountsFromZero, "positions_are_absolute", "use the `position` that is passed"),
    (TakesTheWidthAlone, "constructs", "is built with (width, heads, causal)"),
    (nn.Identity, "constructs", "Identity is not a Position: write `class Identity(Position)`"),
    (EmbedsInDouble, "keeps_shape", "embed returned shape (2, 5, 11) and torch.float64"),
    (BiasOverBatch, "bias_fits", "bias returned shape (1, 1, 5, 5) and torch.float32"),
    (MasksByBias, "bias_fits", "only the mask hides keys"),
    (BiasByIndex, "positions_are_absolute", "not their number"),
    (TurnsByIndex, "positions_are_absolute", "position 3 alone is rotated differently"),
    (Stretches, "rotation_is_relative", "rotate changes the length of a vector"),
    (TurnsFaster, "rotation_is_relative", "does the angle grow by the same amount with each position?"),
    (OneRowShort, "reaches_max_length", "Is a table one row short?"),
    (Unregistered, "saved_weights_suffice", "is a tensor neither parameter nor buffer?"),
    (Unregistered, "follows_device", "it would not run on another device"),
    (DeadTable, "parameters_learn", "parameter 'b' gets no gradient"),
    (OtherWhenCompiled, "compiles", "compiled it gives another output or gradient"),
    (Random, "deterministic", "two calls on the same input differ"),
]


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS)
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(POSITIONS, value, check)


def test_every_check_has_a_fault():
    from .test_part_calls import checks_of

    assert not checks_without_fault(POSITIONS, [check for _, check, _ in FAULTS] + checks_of(POSITIONS))


def test_a_graph_break_is_a_finding_and_not_a_failure():
    result = result_of(POSITIONS, NoGraph, "compiles")
    assert result.passed
    assert result.message.startswith(STOPS)


@pytest.mark.parametrize("name", list(POSITIONS))
def test_positions_run_where_numbers_are_not_known(name):
    scheme, position = POSITIONS[name](11, 3).to("meta"), torch.arange(5, device="meta")
    assert scheme.embed(torch.randn(2, 5, 11, device="meta"), position).is_meta
    assert scheme.rotate(torch.randn(2, 3, 5, 7, device="meta"), position).is_meta
    bias = scheme.bias(position, position)
    assert bias is None or bias.is_meta
