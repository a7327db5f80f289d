"""The recurrent models against torch's own networks, with the same weights."""

import math

import pytest
import torch
from torch import nn

from mechanisms import MODELS
from mechanisms.initialisation import initialise_recurrent
from mechanisms.layers.decoders import DECODERS
from mechanisms.models.min_gru import MinGRUMixer
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
    if name != "rnn":
        wanted[D : 2 * D] = 1
    assert torch.equal(bias, wanted)


def kept(part: nn.Module) -> torch.Tensor:
    """Return the fraction of its state that a gated network or cell keeps for an input of zero.

    Without recurrent weights the input and the state add nothing, so what is left of the state is what the gate keeps.
    """
    state = torch.rand(1, 2 * D) + 0.5
    if isinstance(part, MinGRUMixer):
        return part.step(torch.zeros_like(state), state)[1] / state
    for name, weight in part.named_parameters():
        if name.startswith("weight_hh"):
            nn.init.zeros_(weight)
    if isinstance(part, nn.RNNBase):
        directions = 1 + part.bidirectional
        state = torch.rand(directions * part.num_layers, 1, part.hidden_size) + 0.5
        x = torch.zeros(1, 1, part.input_size)
        after = part(x, (torch.zeros_like(state), state))[1][1] if part.mode == "LSTM" else part(x, state)[1]
        # The upper layers read what the layer below kept, so their input is not zero.
        return (after / state)[:directions]
    x = torch.zeros(1, part.input_size)
    after = part(x, (torch.zeros_like(state), state))[1] if isinstance(part, nn.LSTMCell) else part(x, state)
    return after / state


GATED_PARTS = nn.GRU | nn.LSTM | nn.GRUCell | nn.LSTMCell | MinGRUMixer
GATED = [
    *({name: {}} for name in ("lstm", "gru", "min_gru")),
    *({name: {"cell": cell}} for name in ("rnn_encoder_decoder", "self_attentive_rnn") for cell in ("gru", "lstm")),
    *({"rnn_attention": {"cell": cell, "decoder": decoder}} for cell in ("gru", "lstm") for decoder in DECODERS),
]


@pytest.mark.parametrize(("given", "bias"), [({}, 1.0), ({"forget_bias": 0.0}, 0.0), ({"forget_bias": 2.5}, 2.5)])
@pytest.mark.parametrize("choice", GATED, ids=str)
def test_every_gated_cell_starts_by_keeping_the_same_fraction(choice, given, bias):
    ((name, settings),) = choice.items()
    settings = {**settings, "cell": {settings["cell"]: given}} if settings else given
    parts = [part for part in MODELS.build({name: settings}, 2 * D).modules() if isinstance(part, GATED_PARTS)]
    assert parts
    for part in parts:
        fraction = kept(part)
        torch.testing.assert_close(fraction, torch.full_like(fraction, 1 / (1 + math.exp(-bias))))


@pytest.mark.parametrize(
    "choice", [{"rnn": {"forget_bias": 1.0}}, {"rnn_attention": {"cell": {"rnn": {"forget_bias": 1.0}}}}]
)
def test_a_plain_recurrent_network_has_no_gate_to_set(choice):
    with pytest.raises(SpecError, match="'rnn' has no setting 'forget_bias'"):
        MODELS.build(choice, D)


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
