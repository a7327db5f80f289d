"""Modules of other libraries in the mixers' block: which are taken, and what the others hear."""

import re
import sys
import types
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from mechanisms import MODELS
from mechanisms.layers.block import Block
from mechanisms.layers.external_module import find_class
from mechanisms.models.external import External
from registry import UserError

B, S, Q, D = 2, 7, 5, 12
HERE = "tests_external_layers"


class Doubled(nn.Module):
    """Takes its width from a nested argument, and draws from the global random state even in evaluation."""

    def __init__(self, config: dict, sizes: list) -> None:
        super().__init__()
        self.linear = nn.Linear(config["dim"], sizes[0])
        self.dropout = nn.Dropout(0.5)

    def forward(self, x):
        torch.rand(1)
        return (self.dropout(self.linear(x)), "state"), None


class Mean(nn.Module):
    def forward(self, x):
        return x + x.mean(1, keepdim=True)


class Text(nn.Module):
    def forward(self, x):
        return "a tensor"


class Pair(Doubled):
    def forward(self, x):
        return super().forward(x)[0]


@dataclass
class Sizes:
    inputs: int
    outputs: list


class Configured(nn.Linear):
    def __init__(self, sizes: Sizes, bias: bool = True) -> None:
        super().__init__(sizes.inputs, *sizes.outputs, bias=bias)


class Broken(nn.Module):
    def __init__(self) -> None:
        raise RuntimeError("no kernel for this machine")


@pytest.fixture(autouse=True)
def _layers(monkeypatch):
    """A package of a stranger's layers."""
    module = types.ModuleType(HERE)
    for kind in (Doubled, Mean, Text, Pair, Sizes, Configured, Broken):
        setattr(module, kind.__name__, kind)
    module.function = len
    monkeypatch.setitem(sys.modules, HERE, module)


NESTED = {"config": {"dim": "width"}, "sizes": ["width"]}


def sequences(s: int = S) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, s, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


@pytest.mark.reference("model", "external")
@pytest.mark.parametrize("path", ["torch.nn.GRU", "torch.nn.LSTM", "torch.nn.RNN"])
def test_torchs_networks_need_no_arguments(path):
    model = MODELS["external"](D, module=path).double()
    (block,) = model.blocks
    theirs = getattr(nn, path.rpartition(".")[2])(D, D, batch_first=True).double()
    theirs.load_state_dict(block.mixer.module.state_dict())
    source, query = sequences()
    x = torch.cat([source, query], 1)
    y = x + theirs(block.residual_1.norm(x))[0]
    wanted = model.norm(y + block.feed_forward(block.residual_2.norm(y)))[:, S:]
    torch.testing.assert_close(model(source, query), wanted)
    torch.testing.assert_close(model(x[:, :0], x)[:, S:], wanted)


def test_arguments_hold_the_width_however_deep():
    model = MODELS["external"](D, module=f"{HERE}.Pair", arguments=NESTED, layers=2)
    assert [block.mixer.module.linear.weight.shape for block in model.blocks] == [(D, D)] * 2
    assert model(torch.randn(B, S, D), torch.randn(B, Q, D)).shape == (B, Q, D)
    model = MODELS.build(
        {"external": {"module": "torch.nn.Linear", "arguments": {"in_features": "width", "out_features": D}}}, D
    )
    assert isinstance(model.blocks[0].mixer.module, nn.Linear)


def test_the_verification_leaves_no_trace():
    """The global generator is moved only by the construction, although each call of the module uses it."""
    torch.manual_seed(1)
    model = External(D, module=f"{HERE}.Pair", arguments=NESTED)
    assert all(part.training for part in model.modules())
    after = torch.get_rng_state()
    torch.manual_seed(1)
    Block(D, Pair({"dim": D}, [D]))
    assert torch.equal(after, torch.get_rng_state())


BOTH_WAYS = {"input_size": "width", "hidden_size": D // 2, "bidirectional": True, "batch_first": True}
PROJECTED = {**BOTH_WAYS, "hidden_size": "width", "proj_size": D // 2}
ENCODER = {"d_model": "width", "nhead": 3, "dim_feedforward": D, "dropout": 0.0, "batch_first": True}
HEADS = {"embed_dim": "width", "num_heads": 3, "batch_first": True}
NOT_CAUSAL = [
    {"module": "torch.nn.LSTM", "arguments": BOTH_WAYS},
    {"module": "torch.nn.LSTM", "arguments": PROJECTED},
    {"module": "torch.nn.TransformerEncoderLayer", "arguments": ENCODER},
    {"module": "torch.nn.MultiheadAttention", "arguments": HEADS, "call": ["x", "x", "x"]},
    {"module": f"{HERE}.Mean"},
]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("settings", NOT_CAUSAL, ids=lambda settings: settings["module"])
def test_a_module_that_is_not_causal_needs_the_setting(settings):
    sentence = rf"{settings['module']} is not causal: .* only the setting `causal: false` allows"
    with pytest.raises(ValueError, match=sentence):
        External(D, **settings)
    assert not External.sees_all(settings)
    given = {**settings, "causal": False}
    spec = MODELS.spec({"external": given})
    assert spec.value.sees_all(spec.settings)
    model = spec.build(D, causal=True).double()
    assert model.bidirectional
    source, query = sequences()
    query.requires_grad_()
    (gradient,) = torch.autograd.grad((model(source, query)[:, 0] * torch.randn(D)).sum(), query)
    assert gradient[:, -1].any(), "the first answer depends on the last query"
    assert External(D, **settings, causal=False).double()(source, query).shape == (B, Q, D)


@pytest.mark.parametrize("call", [["x", "x", "x"], {"query": "x", "key": "x", "value": "x", "need_weights": False}])
def test_a_call_says_where_the_sequence_goes(call):
    model = External(D, module="torch.nn.MultiheadAttention", arguments=HEADS, call=call, causal=False).double()
    (block,) = model.blocks
    theirs = nn.MultiheadAttention(D, 3, batch_first=True).double()
    theirs.load_state_dict(block.mixer.module.state_dict())
    source, query = sequences()
    x = torch.cat([source, query], 1)
    given = block.residual_1.norm(x)
    y = x + theirs(given, given, given)[0]
    wanted = model.norm(y + block.feed_forward(block.residual_2.norm(y)))[:, S:]
    torch.testing.assert_close(model(source, query), wanted)


def test_a_configuration_is_the_constructors_first_argument():
    config = {f"{HERE}.Sizes": {"inputs": "width", "outputs": ["width"]}}
    settings = {"module": f"{HERE}.Configured", "config": config, "arguments": {"bias": False}, "layers": 2}
    model = MODELS.build({"external": settings}, D, causal=True)
    modules = [block.mixer.module for block in model.blocks]
    assert [module.weight.shape for module in modules] == [(D, D)] * 2
    assert [module.bias for module in modules] == [None] * 2
    assert External.depends_on(settings) == (Configured, Sizes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"config": {f"{HERE}.Size": None}},
            f"{HERE}.Size cannot be imported: {HERE} has no 'Size'. Did you mean 'Sizes'",
        ),
        ({"config": {f"{HERE}.function": None}}, f"{HERE}.function is not a class"),
        ({"config": {f"{HERE}.Sizes": {"inputs": "width"}}}, "Sizes cannot be constructed with {'inputs': 'width'}: "),
        ({"config": {}}, "Configured: config is one class with its arguments, {dotted.path.Config: {argument: value}}"),
        ({"call": ["x", 2]}, "Configured cannot be called with ['x', 2]: "),
        ({"call": {"inputs": "x"}}, "Configured cannot be called with {'inputs': 'x'}: "),
    ],
)
def test_mistakes_in_a_configuration_or_a_call_get_their_sentence(settings, message):
    given = {"config": {f"{HERE}.Sizes": {"inputs": "width", "outputs": ["width"]}}, **settings}
    with pytest.raises((ValueError, UserError), match=re.escape(message)) as caught:
        External(D, module=f"{HERE}.Configured", **given)
    assert "\n" not in str(caught.value)


def test_attention_with_only_a_hint_of_a_causal_mask_is_an_error():
    """Torch needs the mask itself too."""
    call = {"query": "x", "key": "x", "value": "x", "is_causal": True}
    with pytest.raises(ValueError, match=r"MultiheadAttention cannot be called with \{'query': .*: .*attn_mask"):
        External(D, module="torch.nn.MultiheadAttention", arguments=HEADS, call=call)


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("GRU", None, "'GRU' is not the dotted path of a class, such as torch.nn.GRU"),
        ("torch.nn.GRV", None, r"torch\.nn has no 'GRV'\. Did you mean 'GRU'"),
        ("torch.nn.Qqqqqqqqqqqq", None, r"torch\.nn has no 'Qqqqqqqqqqqq'\.$"),
        ("no_such_package.Layer", None, "no_such_package.Layer cannot be imported: ModuleNotFoundError: No module"),
        (f"{HERE}.function", None, "function is not a subclass of torch.nn.Module"),
        (f"{HERE}.Broken", None, r"Broken cannot be constructed with \{\}: no kernel for this machine"),
        ("torch.nn.Linear", None, r"Linear cannot be constructed with \{\}: .*missing"),
        ("torch.nn.GRU", {"input_sizes": "width"}, r"GRU cannot be constructed with \{'input_sizes': 'width'\}: "),
        (
            "torch.nn.GRU",
            {"input_size": "width", "hidden_size": "width"},
            "mixes the examples of a batch: .*batch_first",
        ),
        (
            "torch.nn.LSTM",
            {"input_size": "width", "hidden_size": "width", "bidirectional": True, "batch_first": True},
            r"maps the shape \(3, 7, 12\) to the shape \(3, 7, 24\)",
        ),
        ("torch.nn.MultiheadAttention", {"embed_dim": "width", "num_heads": 3}, "cannot be called with one tensor"),
        (f"{HERE}.Text", None, r"maps the shape \(3, 7, 12\) to str; it must keep \(batch, length, width\)"),
        (f"{HERE}.Doubled", NESTED, "to tuple; it must keep"),
    ],
)
def test_mistakes_get_their_sentence(path, arguments, message):
    for causal in (True, False):
        with pytest.raises((ValueError, UserError), match=message):
            External(D, module=path, arguments=arguments, causal=causal)


def test_it_cannot_decode():
    model = External(D).double()
    assert not model.decodes
    source, query = sequences()
    with pytest.raises(ValueError, match="cannot decode"):
        model.start(source)
    with pytest.raises(ValueError, match="cannot decode"):
        model.step(query[:, 0], None)
    assert model.flops(S, Q) is None


def test_a_model_without_storage_is_taken_on_trust():
    with torch.device("meta"):
        model = External(D)
        assert model(torch.randn(B, S, D), torch.randn(B, Q, D)).is_meta


def test_it_depends_on_the_strangers_class():
    assert External.depends_on({}) == (nn.GRU,)
    assert External.depends_on({"module": f"{HERE}.Pair"}) == (Pair,)
    assert find_class("torch.nn.LSTM") is nn.LSTM
    with pytest.raises((ValueError, UserError), match="Did you mean 'LSTM'"):
        External.depends_on({"module": "torch.nn.LTSM"})
