"""Gradients of the layers of a deep stack against laws: powers of the factor of a linear layer."""

import functools
import math

import numpy as np
import pytest
import torch
from torch import nn

from mechanisms import MODELS, SequenceModel
from results.analysis.decay import decay
from runner.probes import PROBES, Recipe, Subject
from runner.probes.gradient_flow_over_depth import WIRINGS, layer_norms
from runner.training import seeds
from runner.training.setup import mechanism

CPU = torch.device("cpu")
WIDTH = 7


class Affine(SequenceModel):
    """f(x) = a x + b, of which either b or a is learned."""

    def __init__(self, a, learned="b"):
        super().__init__(WIDTH)
        self.a, self.b = torch.tensor(a, dtype=torch.float64), torch.zeros(WIDTH, dtype=torch.float64)
        setattr(self, learned, nn.Parameter(getattr(self, learned).clone()))

    def forward(self, source, query):
        return self.a * query + self.b


def measured(build, width=WIDTH, **settings):
    """The norms of each depth and wiring, first layer to last, from the rows of the probe."""
    subject = Subject(build, Recipe(width=width), CPU, functools.partial(seeds.generator, CPU))
    found = {}
    for row in PROBES["gradient_flow_over_depth"](**settings).untrained(subject):
        assert row.at["layer"] == len(found.setdefault((row.at["depth"], row.at["wiring"]), [])) + 1
        found[row.at["depth"], row.at["wiring"]].append(row.value)
    return found


@pytest.mark.reference("probe", "gradient_flow_over_depth")
@pytest.mark.parametrize("a", [0.5, 0.9, 1.0, 1.3])
def test_the_bias_of_a_linear_layer_has_powers_of_its_factor(a):
    """Behind layer k of L, f(x) multiplies L - k times by a, and x + f(x) by 1 + a."""
    found = measured(lambda layer: Affine(a), depths=[2, 13])
    for depth in (2, 13):
        for wiring, factor in {"f(x)": a, "x + f(x)": 1 + a}.items():
            norms = np.array(found[depth, wiring])
            assert norms / norms[-1] == pytest.approx(factor ** np.arange(depth - 1.0, -1, -1), rel=1e-12)
    summary = decay(np.arange(13.0), [np.array(found[13, "x + f(x)"])[::-1]])
    assert summary.rate == pytest.approx(-math.log(1 + a)), "in nats a layer, as a report gives it"


def test_the_factor_of_a_linear_layer_has_the_same_gradient_in_every_layer():
    """The product of all factors is linear in each of them: what vanishes backwards has grown forwards."""
    norms = np.array(measured(lambda layer: Affine(0.5, learned="a"), depths=[13])[13, "f(x)"])
    assert norms == pytest.approx(np.full(13, norms[0]), rel=1e-12)


@pytest.mark.parametrize("wiring", ["x + f(LN x)", "f(LN x)"])
def test_gradients_are_those_of_finite_differences(wiring):
    """With a normalisation there is no law as simple: each parameter is moved by hand."""
    torch.manual_seed(0)
    layers = [MODELS["rnn"](3).double() for _ in range(3)]
    x, direction = torch.randn(2, 5, 3, dtype=torch.float64), torch.randn(2, 3, dtype=torch.float64)

    def loss():
        y = x
        for layer in layers:
            z = (y - y.mean(2, keepdim=True)) / (y.var(2, unbiased=False, keepdim=True) + 1e-5).sqrt()
            mixed = layer(z[:, :0], z)
            y = y + mixed if wiring.startswith("x") else mixed
        return ((y[:, -1] * direction).sum(1) / direction.norm(dim=1)).mean().item()

    def slope(values, place):
        kept, ends = values[place].item(), []
        for end in (1e-5, -1e-5):
            values[place] = kept + end
            ends.append(loss())
        values[place] = kept
        return (ends[0] - ends[1]) / 2e-5

    found = layer_norms(layers, wiring, x, direction)
    for layer, norm in zip(layers, found.tolist(), strict=True):
        flat = [p.detach().view(-1) for p in layer.parameters()]
        slopes = [slope(values, place) for values in flat for place in range(len(values))]
        assert norm == pytest.approx(math.hypot(*slopes), rel=1e-6)


@pytest.mark.parametrize("name", list(MODELS))
def test_which_models_have_layers(name):
    """All but the encoder-decoders, which need a source beside the sequence."""
    found = measured(lambda layer: mechanism(MODELS.spec(name), 8, 0, layer=layer), 8, depths=[2], length=3)
    assert bool(found) == (name not in ("rnn_attention", "rnn_encoder_decoder", "transformer_encoder_decoder"))
    assert set(found) in (set(), {(2, wiring) for wiring in WIRINGS})


@pytest.mark.parametrize("name", ["mamba", "transformer", "transformer_encoder"])
def test_mixing_has_neither_residual_nor_feed_forward_network(name):
    """With an output map of zero nothing is mixed, and a residual connection would still return the input."""
    model = MODELS[name](8)
    with torch.no_grad():
        for part in model.modules():
            if hasattr(part, "W_o"):
                nn.init.zeros_(part.W_o.weight)
    assert not model.mixing(torch.randn(2, 5, 8)).any()


def test_a_layer_is_one_layer_with_weights_of_its_own():
    spec = MODELS.spec({"lstm": {"layers": 3}})
    first, again, other = (mechanism(spec, 8, 0, layer=number) for number in (0, 0, 1))
    assert first.network.num_layers == 1
    assert torch.equal(first.network.weight_hh_l0, again.network.weight_hh_l0)
    assert not torch.equal(first.network.weight_hh_l0, other.network.weight_hh_l0)


def test_depths_of_one_layer_are_refused():
    with pytest.raises(ValueError, match="depths of at least 2"):
        PROBES["gradient_flow_over_depth"](depths=[1, 2])
