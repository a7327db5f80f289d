"""What every model promises, with every alignment that can stand in it."""

from dataclasses import dataclass

import pytest
import torch

from mechanisms import ALIGNMENTS, MODELS, build, state_tensors, traced

B, S, Q, D = 2, 7, 5, 12
CELLS = ("rnn", "gru", "lstm")
CHOICES = [
    *(name for name in MODELS),
    *({"lstm": {"layers": layers}} for layers in (2,)),
    *({"rnn_encoder_decoder": {"cell": cell, "layers": 2}} for cell in CELLS),
    *({"transformer": {"alignment": name, "heads": 3}} for name in ALIGNMENTS),
    {"transformer": {"position": "none", "layers": 1}},
    *({"rnn_attention": {"alignment": n, "reading": r}} for n in ALIGNMENTS for r in ("bahdanau", "luong")),
    *({"rnn_attention": {"cell": cell, "reading": r}} for cell in CELLS for r in ("bahdanau", "luong")),
]


@pytest.fixture(params=CHOICES, ids=str)
def model(request):
    return build(MODELS, request.param, D, causal=True).double()


def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, S, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


@torch.no_grad()
def test_steps_give_what_forward_gives(model):
    source, query = sequences()
    wanted, state = model(source, query), model.start(source)
    for position in range(Q):
        output, state = model.step(query[:, position], state)
        torch.testing.assert_close(output, wanted[:, position], rtol=1e-10, atol=1e-12)


def test_a_later_query_changes_no_earlier_output(model):
    source, query = sequences()
    query.requires_grad_()
    output = model(source, query)
    # A plain sum would be constant behind a LayerNorm.
    loss = (output * torch.randn_like(output)).sum((0, 2))
    for position in range(Q):
        (gradient,) = torch.autograd.grad(loss[position], query, retain_graph=True)
        assert not gradient[:, position + 1 :].any()
        assert gradient[:, : position + 1].any()


def test_tracing_changes_nothing_and_weights_are_over_the_sources_positions(model):
    source, query = sequences()
    plain = model(source, query)
    with traced(model):
        torch.testing.assert_close(model(source, query), plain, rtol=1e-10, atol=1e-12)
    for weights in model.weights():
        assert weights.shape[0] == B
        assert weights.shape[2] == Q
        assert weights.shape[3] in (S, S + Q)
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:3], dtype=torch.float64))


@pytest.mark.parametrize("name", list(MODELS))
def test_an_empty_source(name):
    model = MODELS[name](D).double()
    source, query = torch.zeros(B, 0, D, dtype=torch.float64), sequences()[1]
    if name in ("rnn_attention", "rnn_encoder_decoder"):
        with pytest.raises(ValueError, match="is an encoder-decoder and needs a source"):
            model(source, query)
        with pytest.raises(ValueError, match="is an encoder-decoder and needs a source"):
            model.start(source)
        return
    with torch.no_grad():
        wanted, state = model(source, query), model.start(source)
        for position in range(Q):
            output, state = model.step(query[:, position], state)
            torch.testing.assert_close(output, wanted[:, position], rtol=1e-10, atol=1e-12)


def test_models_without_attention_have_no_weights():
    model = MODELS["lstm"](D).double()
    with traced(model):
        model(*sequences())
    assert model.weights() == []


@dataclass
class Nested:
    first: torch.Tensor
    rest: tuple
    count: int


def test_state_tensors_finds_every_tensor():
    a, b, c = (torch.zeros(n) for n in (2, 3, 5))
    state = [Nested(a, (b, 7), 1), {"c": c}, None]
    assert [tensor.numel() for tensor in state_tensors(state)] == [2, 3, 5]
    assert list(state_tensors(None)) == []
