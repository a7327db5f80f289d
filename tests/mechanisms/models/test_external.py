"""Modules of other libraries in the mixers' block: which are taken, and what the others hear."""

import sys
import types

import pytest
import torch
from torch import nn

from mechanisms import MODELS
from mechanisms.models.external import External, resolve
from registry import build

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


class Broken(nn.Module):
    def __init__(self) -> None:
        raise RuntimeError("no kernel for this machine")


@pytest.fixture(autouse=True)
def _layers(monkeypatch):
    """A package of a stranger's layers."""
    module = types.ModuleType(HERE)
    for kind in (Doubled, Mean, Text, Pair, Broken):
        setattr(module, kind.__name__, kind)
    module.function = len
    monkeypatch.setitem(sys.modules, HERE, module)


NESTED = {"config": {"dim": "width"}, "sizes": ["width"]}


def sequences(s: int = S) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, s, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


@pytest.mark.parametrize("path", ["torch.nn.GRU", "torch.nn.LSTM", "torch.nn.RNN"])
def test_torchs_networks_need_no_arguments(path):
    model = MODELS["external"](D, module=path).double()
    (block,) = model.blocks
    theirs = getattr(nn, path.rpartition(".")[2])(D, D, batch_first=True).double()
    theirs.load_state_dict(block.mixer.module.state_dict())
    source, query = sequences()
    x = torch.cat([source, query], 1)
    y = x + theirs(block.norm_1(x))[0]
    wanted = model.norm(y + block.feed_forward(block.norm_2(y)))[:, S:]
    torch.testing.assert_close(model(source, query), wanted)
    torch.testing.assert_close(model(x[:, :0], x)[:, S:], wanted)


def test_arguments_hold_the_width_however_deep():
    model = MODELS["external"](D, module=f"{HERE}.Pair", arguments=NESTED, layers=2)
    assert [block.mixer.module.linear.weight.shape for block in model.blocks] == [(D, D)] * 2
    assert model(torch.randn(B, S, D), torch.randn(B, Q, D)).shape == (B, Q, D)
    model = build(
        MODELS, {"external": {"module": "torch.nn.Linear", "arguments": {"in_features": "width", "out_features": D}}}, D
    )
    assert isinstance(model.blocks[0].mixer.module, nn.Linear)


def test_the_verification_leaves_no_trace(monkeypatch):
    def state() -> torch.Tensor:
        torch.manual_seed(1)
        model = MODELS["external"](D, module=f"{HERE}.Pair", arguments=NESTED)
        assert all(part.training for part in model.modules())
        return torch.get_rng_state()

    verified = state()
    monkeypatch.setattr("mechanisms.models.external._verify", lambda *_: None)
    assert torch.equal(verified, state())


def test_what_looks_ahead_is_refused_where_that_matters():
    both_ways = {"input_size": "width", "hidden_size": D // 2, "bidirectional": True, "batch_first": True}
    encoder = {"d_model": "width", "nhead": 3, "dim_feedforward": D, "batch_first": True}
    for path, arguments in (
        ("torch.nn.LSTM", both_ways),
        ("torch.nn.TransformerEncoderLayer", encoder),
        (f"{HERE}.Mean", None),
    ):
        with pytest.raises(ValueError, match=rf"{path} looks ahead: an earlier output changes with a later input"):
            External(D, module=path, arguments=arguments)
        model = External(D, module=path, arguments=arguments, causal=False).double()
        assert model(*sequences()).shape == (B, Q, D)


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("GRU", None, "'GRU' is no dotted path of a module, such as torch.nn.GRU"),
        ("torch.nn.GRV", None, r"torch\.nn has no 'GRV'\. Did you mean 'GRU'"),
        ("torch.nn.Qqqqqqqqqqqq", None, r"torch\.nn has no 'Qqqqqqqqqqqq'\.$"),
        ("no_such_package.Layer", None, "no_such_package.Layer cannot be imported: ModuleNotFoundError: No module"),
        (f"{HERE}.function", None, "function is no subclass of torch.nn.Module"),
        (f"{HERE}.Broken", None, r"Broken cannot be constructed with \{\}: no kernel for this machine"),
        ("torch.nn.Linear", None, r"Linear cannot be constructed with \{\}: .*missing"),
        ("torch.nn.GRU", {"input_sizes": "width"}, r"GRU cannot be constructed with \{'input_sizes': 'width'\}: "),
        ("torch.nn.GRU", {"input_size": "width", "hidden_size": "width"}, "mixes the rows of a batch: .*batch_first"),
        (
            "torch.nn.LSTM",
            {"input_size": "width", "hidden_size": "width", "bidirectional": True, "batch_first": True},
            r"maps the shape \(3, 7, 12\) to the shape \(3, 7, 24\)",
        ),
        ("torch.nn.MultiheadAttention", {"embed_dim": "width", "num_heads": 3}, "cannot be called with one tensor"),
        (f"{HERE}.Text", None, r"maps the shape \(3, 7, 12\) to str, and must keep \(batch, length, width\)"),
        (f"{HERE}.Doubled", NESTED, "to tuple, and must keep"),
    ],
)
def test_mistakes_get_their_sentence(path, arguments, message):
    for causal in (True, False):
        with pytest.raises(ValueError, match=message):
            External(D, module=path, arguments=arguments, causal=causal)


def test_it_cannot_decode_and_says_so():
    model = External(D).double()
    assert not model.decodes
    source, query = sequences()
    with pytest.raises(ValueError, match="cannot decode by steps"):
        model.start(source)
    with pytest.raises(ValueError, match="cannot decode by steps"):
        model.step(query[:, 0], None)
    assert model.flops(S, Q) is None


def test_a_model_without_storage_is_taken_on_trust():
    with torch.device("meta"):
        model = External(D)
        assert model(torch.randn(B, S, D), torch.randn(B, Q, D)).is_meta


def test_it_depends_on_the_strangers_class():
    assert External.depends_on({}) == (nn.GRU,)
    assert External.depends_on({"module": f"{HERE}.Pair"}) == (Pair,)
    assert resolve("torch.nn.LSTM") is nn.LSTM
    with pytest.raises(ValueError, match="Did you mean 'LSTM'"):
        External.depends_on({"module": "torch.nn.LTSM"})
