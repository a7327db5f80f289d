"""The decoders against their papers' equations, step by step with torch's cells."""

import pytest
import torch
from torch import nn

from mechanisms import ALIGNMENTS, MODELS, POSITIONS, traced
from mechanisms.layers.decoders import DECODERS
from mechanisms.layers.recurrent import CELLS as CELL_KINDS
from registry import SpecError
from tests.mechanisms.formulas import HISTORIES, PAIRS

B, S, Q, D = 2, 7, 5, 6
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def run(cell: nn.Module, x: torch.Tensor, state: tuple) -> tuple:
    after = cell(x, state if len(state) > 1 else state[0])
    return after if isinstance(after, tuple) else (after,)


class Book:
    """Attends with one decoder state after another, a row of the batch and a key at a time, as the papers have it."""

    def __init__(self, model, name: str, h: torch.Tensor) -> None:
        self.alignment, self.position = model.decoder.attention.alignment, model.position
        self.name, self.h = name, h
        self.weights: list[torch.Tensor] = []

    def attend(self, state: torch.Tensor) -> torch.Tensor:
        t = len(self.weights)
        rows = []
        for b, (s, h) in enumerate(zip(state, self.h, strict=True)):
            if self.name in HISTORIES:
                before = [weights[b] for weights in self.weights]
                rows.append(HISTORIES[self.name](self.alignment, s, h, 0, before))
            else:
                rows.append(torch.stack([self.score(s, h_j, t, j) for j, h_j in enumerate(h)]).softmax(0))
        self.weights.append(torch.stack(rows))
        return torch.stack(
            [sum(w * h_j for w, h_j in zip(a, h, strict=True)) for a, h in zip(rows, self.h, strict=True)]
        )

    def score(self, s: torch.Tensor, h: torch.Tensor, t: int, j: int) -> torch.Tensor:
        """Query t has the position of key t."""
        at = torch.tensor([t]), torch.tensor([j])
        s, h = (self.position.rotate(x[None, None, None], n)[0, 0, 0] for x, n in zip((s, h), at, strict=True))
        bias = self.position.bias(*at)
        score = PAIRS[self.name](self.alignment, s, h, 0, j)
        return score if bias is None else score + bias[0, 0, 0]


def annotations(model, source):
    h, _ = model.encoder(model.position.embed(source, torch.arange(S)))
    start = torch.tanh(h[:, 0, D // 2 :] @ model.W_s.weight.T + model.W_s.bias)
    return h, start.chunk(model.states, dim=1)


def bahdanau(model, cell_name, book, state, query):
    cell = CELLS[cell_name](2 * D, D).double()
    cell.load_state_dict(model.decoder.cell.state_dict())
    outputs = []
    for x in query.unbind(1):
        context = book.attend(state[0])
        state = run(cell, torch.cat([x, context], 1), state)
        outputs.append(model.decoder.output(torch.cat([state[0], context], 1)))
    return torch.stack(outputs, 1), cell


def luong(model, cell_name, book, state, query):
    cell = CELLS[cell_name](D, D).double()
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in model.decoder.network.state_dict().items()})
    outputs = []
    for x in query.unbind(1):
        state = run(cell, x, state)
        joined = torch.cat([book.attend(state[0]), state[0]], 1)
        outputs.append(torch.tanh(joined @ model.decoder.output.weight.T))
    return torch.stack(outputs, 1), cell


def luong_input_feeding(model, cell_name, book, state, query):
    cell = CELLS[cell_name](2 * D, D).double()
    cell.load_state_dict(model.decoder.cell.state_dict())
    fed, outputs = torch.zeros_like(state[0]), []
    for x in query.unbind(1):
        state = run(cell, torch.cat([x, fed], 1), state)
        fed = torch.tanh(torch.cat([book.attend(state[0]), state[0]], 1) @ model.decoder.output.weight.T)
        outputs.append(fed)
    return torch.stack(outputs, 1), cell


REFERENCES = [bahdanau, luong, luong_input_feeding]


def test_every_decoder_has_a_reference():
    assert {reference.__name__ for reference in REFERENCES} == set(DECODERS)


def assert_follows(reference, cell="gru", alignment="additive", position="none"):
    """Outputs, weights, every gradient, and the steps."""
    decoder = reference.__name__
    model = MODELS["rnn_attention"](D, cell=cell, decoder=decoder, alignment=alignment, position=position).double()
    for name, parameter in model.named_parameters():
        if "bias" in name or name.endswith(".b"):  # they start at zero, where their part would not be seen
            nn.init.normal_(parameter)
    source = torch.randn(B, S, D, dtype=torch.float64, requires_grad=True)
    query = torch.randn(B, Q, D, dtype=torch.float64, requires_grad=True)
    with traced(model):
        got = model(source, query)
    h, state = annotations(model, source)
    book = Book(model, alignment, h)
    wanted, copy = reference(model, cell, book, state, model.position.embed(query, torch.arange(Q)))
    weights = torch.stack(book.weights, 1)[:, None].detach()
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(model.weights(), [weights], rtol=1e-11, atol=1e-12)

    direction = torch.randn_like(got)
    untraced = model(source, query)
    own = [p for n, p in model.named_parameters() if not n.startswith(("decoder.cell", "decoder.network"))]
    cells = list((model.decoder.network if decoder == "luong" else model.decoder.cell).parameters())
    for output, parameters in ((untraced, cells), (wanted, list(copy.parameters()))):
        leaves = [source, query, *own, *parameters]
        grads = torch.autograd.grad((output * direction).sum(), leaves, allow_unused=True, materialize_grads=True)
        if output is untraced:
            found = grads
    assert len(found) == 2 + len(list(model.parameters()))
    for a, b in zip(found, grads, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)

    with torch.no_grad():
        state = model.start(source)
        for t in range(Q):
            output, state = model.step(query[:, t], state)
            torch.testing.assert_close(output, wanted[:, t].detach(), rtol=1e-11, atol=1e-12)
    return model


@pytest.mark.reference("model", "rnn_attention")
@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_decoder_follows_the_paper(reference, cell):
    assert_follows(reference, cell)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("alignment", sorted(HISTORIES))
def test_a_decoder_passes_on_earlier_weights(reference, alignment):
    assert_follows(reference, alignment=alignment)


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("alignment", ["scaled_dot", "concat", "gaussian"])
@pytest.mark.parametrize("position", sorted(POSITIONS))
def test_queries_and_keys_have_the_same_positions(reference, alignment, position):
    assert_follows(reference, alignment=alignment, position=position)


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_local_m_attends_around_the_position_of_the_query(decoder):
    """Query t has source position t, in one call and in steps; far after the source its context vector is zero."""
    model = MODELS["rnn_attention"](D, decoder=decoder, alignment={"local_m": {"window": 1}}).double()
    source, query = torch.randn(B, 3, D, dtype=torch.float64), torch.randn(B, 6, D, dtype=torch.float64)
    with traced(model):
        model(source, query)
    seen = torch.tensor([[abs(t - j) <= 1 for j in range(3)] for t in range(6)])
    assert torch.equal(model.weights()[0].bool(), seen.expand(B, 1, 6, 3))


@pytest.mark.parametrize("alignment", sorted(HISTORIES))
@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_a_state_is_a_snapshot(decoder, alignment):
    """Two continuations of one state do not see each other's history."""
    model = MODELS["rnn_attention"](D, decoder=decoder, alignment=alignment).double()
    source, query = torch.randn(B, S, D, dtype=torch.float64), torch.randn(B, 3, D, dtype=torch.float64)
    with torch.no_grad():
        _, state = model.step(query[:, 0], model.start(source))
        first, _ = model.step(query[:, 1], state)
        model.step(query[:, 2], state)
        again, _ = model.step(query[:, 1], state)
    assert torch.equal(first, again)


@pytest.mark.parametrize("cell", sorted(CELLS))
def test_a_bound_cell_is_torchs_cell(cell):
    """Its parameters' gradients too, which the reference above keeps in a copy."""
    module = MODELS["rnn_attention"](D, cell=cell).decoder.cell.double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x, context, *state = (torch.randn(B, D, dtype=torch.float64) for _ in range(2 + CELL_KINDS[cell].states))
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


@pytest.mark.parametrize("decoder", sorted(DECODERS))
def test_keys_are_projected_once(decoder, monkeypatch):
    model = MODELS["rnn_attention"](D, decoder=decoder)
    calls = []
    project = ALIGNMENTS["additive"].project_key
    monkeypatch.setattr(ALIGNMENTS["additive"], "project_key", lambda *a: calls.append(1) or project(*a))
    model(torch.randn(B, S, D), torch.randn(B, Q, D))
    assert len(calls) == 1


def test_mistakes_get_their_sentence():
    build = MODELS["rnn_attention"]
    with pytest.raises(ValueError, match="half the width in each direction, and 7 is odd"):
        build(7)
    with pytest.raises(SpecError, match=r"unknown decoder 'bahdanu'\. Did you mean 'bahdanau'"):
        build(D, decoder="bahdanu")
    with pytest.raises(SpecError, match="unknown cell 'grru'"):
        build(D, cell="grru")
    with pytest.raises(ValueError, match="RNNAttention is an encoder-decoder and needs a source"):
        build(D)(torch.randn(B, 0, D), torch.randn(B, Q, D))
    with pytest.raises(ValueError, match="max_length = 3 positions, and the sequence has 7"):
        build(D, alignment={"location": {"max_length": 3}})(torch.randn(B, S, D), torch.randn(B, Q, D))
