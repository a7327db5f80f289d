"""The unrolled decoders against the same decoders step by step, whose gradients are autograd's."""

import gc
import weakref

import pytest
import torch
from torch import nn

from mechanisms import MODELS, NORMALIZERS
from mechanisms.alignments import tanh_scores as scoring
from mechanisms.alignments.additive import Additive
from mechanisms.layers import decoders
from mechanisms.layers.unrolled import unrolls
from mechanisms.models.rnn_attention import RNNAttention

B, S, Q, D = 3, 7, 5, 6
DECODERS = ("bahdanau", "luong_input_feeding")
ALIGNMENTS = ("additive", "concat", "dot", "general", "scaled_dot")


def model_of(decoder: str, alignment: str = "additive", cell: str = "gru") -> RNNAttention:
    model = MODELS["rnn_attention"](D, decoder=decoder, alignment=alignment, cell=cell).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    return model


def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.randn(B, n, D, dtype=torch.float64, requires_grad=True) for n in (S, Q))


def decoded(model: RNNAttention, source: torch.Tensor, query: torch.Tensor) -> list[torch.Tensor]:
    """Decode the first three queries and go on with the others, so that gradients pass through the state as well."""
    first, state = model._decode(query[:, :3], model.start(source))
    second, state = model._decode(query[:, 3:], state)
    fed = [] if state.decoder.last_output is None else [state.decoder.last_output]
    return [torch.cat([first, second], dim=1), *state.decoder.cell, *fed]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("alignment", ALIGNMENTS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_it_is_the_decoder_step_by_step(decoder, alignment, cell, monkeypatch):
    model, (source, query) = model_of(decoder, alignment, cell), inputs()
    assert unrolls(model.decoder.attention)
    leaves = [source, query, *model.parameters()]
    found = decoded(model, source, query)
    direction = [torch.randn_like(each) for each in found]
    gradients = torch.autograd.grad(found, leaves, direction)
    monkeypatch.setattr(decoders, "unrolls", lambda attention: False)
    wanted = decoded(model, source, query)
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)
    for a, b in zip(gradients, torch.autograd.grad(wanted, leaves, direction), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_second_backward_pass_gives_the_same(decoder):
    model, (source, query) = model_of(decoder), inputs()
    output = model(source, query).square().sum()
    first, second = (torch.autograd.grad(output, list(model.parameters()), retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_weight_that_was_changed_before_the_backward_pass_is_an_error(decoder):
    model, (source, query) = model_of(decoder), inputs()
    output = model(source, query).square().sum()
    with torch.no_grad():
        model.decoder.cell.weight_hh.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.backward()


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_graph_is_freed_with_its_output(decoder):
    model, (source, query) = model_of(decoder), inputs()
    embedded = query * 1.0
    gc.disable()
    try:
        output = model(source, embedded)
        held = weakref.ref(embedded)
        del embedded, output
        assert held() is None
    finally:
        gc.enable()


def test_a_subclass_of_an_alignment_takes_the_steps():
    class Other(Additive):
        pass

    attention = model_of("bahdanau").decoder.attention
    assert unrolls(attention)
    attention.alignment = Other(1, D, D)
    assert not unrolls(attention)


def test_what_changes_the_weights_takes_the_steps():
    attention = model_of("bahdanau").decoder.attention
    attention.normalizer = NORMALIZERS["sparsemax"]()
    assert not unrolls(attention)
    rotary = MODELS["rnn_attention"](8, alignment="dot", position="rotary").decoder.attention
    assert not unrolls(rotary)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_scores_in_blocks_are_the_scores(rows, monkeypatch):
    """The gradients too; two heads, and blocks that do and do not divide the queries."""
    query, key, v = (torch.randn(*shape, dtype=torch.float64) for shape in ((B, 2, Q, D), (B, 2, S, D), (2, D)))
    leaves = [each.requires_grad_() for each in (query, key, v)]
    monkeypatch.setattr(scoring, "BLOCK_BYTES", rows * B * S * D * 8)
    found = scoring.tanh_scores(*leaves)
    wanted = ((query[:, :, :, None] + key[:, :, None]) / 2).tanh().mul(v[:, None, None]).sum(4)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-13)
    direction = torch.randn_like(found)
    pairs = zip(*(torch.autograd.grad(each, leaves, direction) for each in (found, wanted)), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)
