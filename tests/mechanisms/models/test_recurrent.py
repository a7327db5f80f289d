"""The recurrent models against torch's own networks, with the same weights."""

import pytest
import torch
from torch import nn

from mechanisms import MODELS
from mechanisms.initialisation import initialise_recurrent
from registry import SpecError

B, S, Q, D = 2, 7, 5, 11
NETWORKS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def sequences(s: int = S) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.randn(B, s, D, dtype=torch.float64, requires_grad=True),
        torch.randn(B, Q, D, dtype=torch.float64, requires_grad=True),
    )


def assert_same(got, wanted, leaves):
    torch.testing.assert_close(got, wanted, rtol=1e-12, atol=1e-12)
    direction = torch.randn_like(got)
    pair = [torch.autograd.grad((x * direction).sum(), leaves, retain_graph=True) for x in (got, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.reference("model", *NETWORKS)
@pytest.mark.parametrize("s", [0, S])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_stream_is_torchs_network(name, layers, s):
    model = MODELS[name](D, layers=layers).double()
    theirs = NETWORKS[name](D, D, layers, batch_first=True).double()
    theirs.load_state_dict(model.network.state_dict())
    source, query = sequences(s)
    wanted, _ = theirs(torch.cat([source, query], 1))
    assert_same(model(source, query), wanted[:, s:], [source, query] if s else [query])


@pytest.mark.reference("model", "rnn_encoder_decoder")
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", sorted(NETWORKS))
def test_encoder_decoder_is_two_of_torchs_networks(cell, layers):
    model = MODELS["rnn_encoder_decoder"](D, cell=cell, layers=layers).double()
    encoder, decoder = (NETWORKS[cell](D, D, layers, batch_first=True).double() for _ in range(2))
    encoder.load_state_dict(model.encoder.state_dict())
    decoder.load_state_dict(model.decoder.state_dict())
    source, query = sequences()
    _, state = encoder(source)
    assert_same(model(source, query), decoder(query, state)[0], [source, query])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_initialisation_gate_by_gate(name):
    network = MODELS[name](D).network
    bound = (6 / (2 * D)) ** 0.5
    for gate in network.weight_ih_l0.detach().chunk(GATES[name]):
        assert 0.8 * bound < gate.abs().max() <= bound
    for gate in network.weight_hh_l0.detach().chunk(GATES[name]):
        torch.testing.assert_close(gate @ gate.T, torch.eye(D), atol=1e-5, rtol=0)
    bias = (network.bias_ih_l0 + network.bias_hh_l0).detach()
    wanted = torch.zeros_like(bias)
    if name == "lstm":
        wanted[D : 2 * D] = 1
    assert torch.equal(bias, wanted)


def test_initialisation_reaches_cells_and_every_layer():
    cell = nn.LSTMCell(2 * D, D)
    initialise_recurrent(cell)
    assert (cell.bias_ih + cell.bias_hh).sum() == D
    network = MODELS["lstm"](D, layers=3).network
    assert network.bias_ih_l2.sum() + network.bias_hh_l2.sum() == D


def test_mistakes_get_their_sentence():
    with pytest.raises(SpecError, match=r"unknown cell 'gur'\. Did you mean 'gru'"):
        MODELS["rnn_encoder_decoder"](D, cell="gur")
    with pytest.raises(ValueError, match="layers must be at least 1, not 0"):
        MODELS["lstm"](D, layers=0)
    with pytest.raises(ValueError, match="GRU cannot run with causal=False"):
        MODELS["gru"](D, causal=False)
