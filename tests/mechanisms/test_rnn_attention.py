"""Both readings against their papers' equations, step by step with torch's cells."""

import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, MODELS, traced

B, S, Q, D = 2, 7, 5, 6
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def run(cell: nn.Module, x: torch.Tensor, state: tuple) -> tuple:
    after = cell(x, state if len(state) > 1 else state[0])
    return after if isinstance(after, tuple) else (after,)


def attend(attention, s: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One decoder state against the annotations, as the papers have it; one row of the batch."""
    a = attention.alignment
    scores = torch.stack([torch.dot(a.v[0], torch.tanh(a.W[0].T @ s + a.U[0].T @ h_i + a.b[0, 0])) for h_i in h])
    weights = scores.exp() / scores.exp().sum()
    return sum(w * h_i for w, h_i in zip(weights, h, strict=True)), weights


def annotations(model, source):
    h, _ = model.encoder(source)
    start = torch.tanh(h[:, 0, D // 2 :] @ model.W_s.weight.T + model.W_s.bias)
    return h, start.chunk(model.states, dim=1)


def bahdanau(model, cell_name, source, query):
    cell = CELLS[cell_name](2 * D, D).double()
    cell.load_state_dict(model.reading.cell.state_dict())
    h, state = annotations(model, source)
    outputs, weights = [], []
    for t in range(Q):
        read = [attend(model.reading.attention, state[0][b], h[b]) for b in range(B)]
        context = torch.stack([c for c, _ in read])
        weights.append(torch.stack([w for _, w in read]))
        state = run(cell, torch.cat([query[:, t], context], 1), state)
        outputs.append(model.reading.output(torch.cat([state[0], context], 1)))
    return torch.stack(outputs, 1), torch.stack(weights, 1)


def luong(model, cell_name, source, query):
    cell = CELLS[cell_name](D, D).double()
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in model.reading.decoder.state_dict().items()})
    h, state = annotations(model, source)
    outputs, weights = [], []
    for t in range(Q):
        state = run(cell, query[:, t], state)
        read = [attend(model.reading.attention, state[0][b], h[b]) for b in range(B)]
        weights.append(torch.stack([w for _, w in read]))
        joined = torch.cat([torch.stack([c for c, _ in read]), state[0]], 1)
        outputs.append(torch.tanh(joined @ model.reading.output.weight.T))
    return torch.stack(outputs, 1), torch.stack(weights, 1)


@pytest.mark.parametrize("reference", [bahdanau, luong])
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_reading_follows_the_paper(reference, cell):
    model = MODELS["rnn_attention"](D, cell=cell, reading=reference.__name__).double()
    for name, parameter in model.named_parameters():
        if "bias" in name or name.endswith(".b"):  # they start at zero, where their part would not be seen
            nn.init.normal_(parameter)
    source = torch.randn(B, S, D, dtype=torch.float64, requires_grad=True)
    query = torch.randn(B, Q, D, dtype=torch.float64, requires_grad=True)
    with traced(model):
        got = model(source, query)
    wanted, weights = reference(model, cell, source, query)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(model.weights(), [weights[:, None].detach()], rtol=1e-11, atol=1e-12)

    direction = torch.randn_like(got)
    untraced = model(source, query)
    leaves = [source, query, *model.encoder.parameters(), *model.W_s.parameters()]
    leaves += [*model.reading.attention.parameters(), *model.reading.output.parameters()]
    pair = [torch.autograd.grad((x * direction).sum(), leaves, retain_graph=True) for x in (untraced, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_bound_cell_is_torchs_cell(cell):
    """Its parameters' gradients too, which the reference above keeps in a copy."""
    module = MODELS["rnn_attention"](D, cell=cell).reading.cell.double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x, context, *state = (torch.randn(B, D, dtype=torch.float64) for _ in range(2 + module.states))
    inputs, step = module.bind(x[:, None])
    direction = torch.randn_like(x)
    losses = [
        sum((part * direction).sum() for part in after)
        for after in (step(inputs[:, 0], context, tuple(state)), run(module, torch.cat([x, context], 1), tuple(state)))
    ]
    pair = [torch.autograd.grad(loss, list(module.parameters()), retain_graph=True) for loss in losses]
    torch.testing.assert_close(*losses, rtol=1e-12, atol=1e-12)
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("reading", ["bahdanau", "luong"])
def test_keys_are_projected_once(reading, monkeypatch):
    model = MODELS["rnn_attention"](D, reading=reading)
    calls = []
    project = ALIGNMENTS["additive"].project_key
    monkeypatch.setattr(ALIGNMENTS["additive"], "project_key", lambda *a: calls.append(1) or project(*a))
    model(torch.randn(B, S, D), torch.randn(B, Q, D))
    assert len(calls) == 1


def test_mistakes_get_their_sentence():
    build = MODELS["rnn_attention"]
    with pytest.raises(ValueError, match="half the width in each direction, and 7 is odd"):
        build(7)
    with pytest.raises(ValueError, match=r"unknown reading 'bahdanu'\. Did you mean 'bahdanau'"):
        build(D, reading="bahdanu")
    with pytest.raises(ValueError, match="unknown cell 'grru'"):
        build(D, cell="grru")
    with pytest.raises(ValueError, match="RNNAttention is an encoder-decoder and needs a source"):
        build(D)(torch.randn(B, 0, D), torch.randn(B, Q, D))
    with pytest.raises(ValueError, match="max_length = 3 positions, and the keys reach to position 7"):
        build(D, alignment={"location": {"max_length": 3}})(torch.randn(B, S, D), torch.randn(B, Q, D))
