"""Modules of other libraries, ten in one suite: what cannot be built is a row with its reason, and the others run."""

import pytest

from results import load_trials

LOCAL = '''"""A mixer that wants a configuration object."""
from dataclasses import dataclass

from torch import nn


@dataclass
class Config:
    hidden_size: int
    bias: bool = True


class Mixer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.map = nn.Linear(config.hidden_size, config.hidden_size, config.bias)

    def forward(self, x):
        return self.map(x)
'''
ENCODER = "arguments: {d_model: width, nhead: 2, dim_feedforward: 16, dropout: 0.0, batch_first: true}"
EXTERNALS = {
    "external(GRU)": "module: torch.nn.GRU",
    "external(LSTM)": "module: torch.nn.LSTM, causal: false, arguments: {input_size: width, hidden_size: 4, "
    "bidirectional: true, batch_first: true}",
    "external(Linear)": "module: torch.nn.Linear, arguments: {in_features: width, out_features: width}",
    "external(TransformerEncoderLayer)": f"module: torch.nn.TransformerEncoderLayer, causal: false, {ENCODER}",
    "external(MultiheadAttention)": "module: torch.nn.MultiheadAttention, causal: false, call: [x, x, x], "
    "arguments: {embed_dim: width, num_heads: 2, batch_first: true}",
    "external(TransformerDecoderLayer)": "module: torch.nn.TransformerDecoderLayer, causal: false, "
    f"call: {{tgt: x, memory: x}}, {ENCODER}",
    "external(Sparsemax)": "module: entmax.Sparsemax, arguments: {dim: -1}",
    "external(Mixer)": "module: mixers_of_mine.Mixer, config: {mixers_of_mine.Config: {hidden_size: width}}",
    "external(Conv1d)": "module: torch.nn.Conv1d, arguments: {in_channels: width, out_channels: width, kernel_size: 3}",
    "external(Absent)": "module: not_installed.layers.Absent",
}


@pytest.mark.slow
def test_ten_modules_of_other_libraries_run_in_one_suite(tiny, write, shell, monkeypatch, tmp_path):
    write("mixers_of_mine.py", LOCAL)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    suite = tiny(mechanisms=f"[{', '.join(f'external: {{{each}}}' for each in EXTERNALS.values())}]")
    done = shell.run(suite)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "8 trials, 0 already finished, 8 to run, 2 skipped" in done.stdout
    trials = load_trials(shell.runs / "tiny").set_index("mechanism")
    assert set(trials.index) == set(EXTERNALS)
    outcomes = trials["outcome"].to_dict()
    assert [name for name, outcome in outcomes.items() if outcome == "skipped"] == [
        "external(Conv1d)",
        "external(Absent)",
    ]
    assert all(
        outcome == "ok" for name, outcome in outcomes.items() if name not in ("external(Conv1d)", "external(Absent)")
    )
    assert (
        "it cannot be built: ValueError: not_installed.layers.Absent cannot be imported"
        in trials.loc["external(Absent)", "reason"]
    )
    assert "cannot be built" in trials.loc["external(Conv1d)", "reason"]


def test_a_bidirectional_module_cannot_face_a_task_that_leaks(tiny, shell):
    """The rule of transformer_encoder: a later query of a language model is an earlier answer."""
    both_ways = "module: torch.nn.MultiheadAttention, causal: false, call: [x, x, x], "
    both_ways += "arguments: {embed_dim: width, num_heads: 2, batch_first: true}"
    done = shell("plan", tiny(mechanisms=f"[external: {{{both_ways}}}]", tasks="[language: {length: 4}]"))
    assert done.returncode == 0, done.stderr
    assert "external sees all queries at once, and in language a later query reveals an earlier answer" in done.stdout
