"""Against a loop written from Cheng et al. 2016, with torch's cells."""

import pytest
import torch
from torch import nn

from mechanisms import MODELS, traced
from registry import SpecError
from tests.mechanisms.formulas import PAIRS

B, S, Q, D = 2, 5, 3, 6
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def by_the_paper(model, cell_name, alignment, x):
    """One row of the batch after another, one earlier state at a time; returns outputs, weights and the cell."""
    cell = CELLS[cell_name](D, D).double()
    cell.load_state_dict(model.cell.state_dict())
    score, rows, n = PAIRS[alignment], [], x.shape[1]
    weights = torch.zeros(len(x), n, n, dtype=torch.float64)
    for b, row in enumerate(model.position.embed(x, torch.arange(n))):
        tape, summary = [], [torch.zeros(D, dtype=torch.float64)] * model.states
        for t, x_t in enumerate(row):
            if tape:
                asked = model.W_x.weight @ x_t + model.W_h.weight @ summary[0]
                scores = [biased(model, score, asked, state[0], t, j) for j, state in enumerate(tape)]
                a = torch.stack(scores).softmax(0)
                weights[b, t, :t] = a.detach()
                summary = [sum(a[j] * state[part] for j, state in enumerate(tape)) for part in range(model.states)]
            tape.append(run(cell, x_t, summary))
        rows.append(torch.stack([state[0] for state in tape]))
    return torch.stack(rows), weights, cell


def run(cell, x, state):
    after = cell(x[None], tuple(part[None] for part in state) if len(state) > 1 else state[0][None])
    return [part[0] for part in (after if isinstance(after, tuple) else (after,))]


def biased(model, score, s, h, t, j):
    at = torch.tensor([t]), torch.tensor([j])
    s, h = (model.position.rotate(x[None, None, None], n)[0, 0, 0] for x, n in zip((s, h), at, strict=True))
    bias = model.position.bias(*at)
    return score(model.attention.alignment, s, h, 0, j) + (0 if bias is None else bias[0, 0, 0])


def randomised(**choices):
    model = MODELS["self_attentive_rnn"](D, **choices).double()
    for name, parameter in model.named_parameters():
        if "bias" in name or name.endswith(".b"):  # they start at zero, where their part would not be seen
            nn.init.normal_(parameter)
    return model


CHOICES = [
    *({"cell": cell, "alignment": alignment} for cell in sorted(CELLS) for alignment in ("additive", "scaled_dot")),
    *({"cell": "lstm", "alignment": alignment} for alignment in ("location", "concat", "gaussian")),
    *({"cell": "lstm", "alignment": "additive", "position": p} for p in ("sinusoidal", "alibi", "rotary", "t5")),
]


@pytest.mark.reference("model", "self_attentive_rnn")
@pytest.mark.parametrize("s", [0, S])
@pytest.mark.parametrize("choices", CHOICES, ids=lambda choices: "-".join(choices.values()))
def test_the_model_follows_the_paper(choices, s):
    model = randomised(**choices)
    source, query = (torch.randn(B, n, D, dtype=torch.float64, requires_grad=True) for n in (s, Q))
    whole, weights, cell = by_the_paper(model, choices["cell"], choices["alignment"], torch.cat([source, query], 1))
    got, wanted = model(source, query), whole[:, s:]
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)

    direction = torch.randn_like(got)
    own = [parameter for name, parameter in model.named_parameters() if not name.startswith("cell.")]
    pair = [
        torch.autograd.grad(
            (output * direction).sum(),
            [source, query, *own, *decoder.parameters()],
            allow_unused=True,
            materialize_grads=True,
        )
        for output, decoder in ((got, model.cell), (wanted, cell))
    ]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)

    with traced(model):
        torch.testing.assert_close(model(source, query), wanted, rtol=1e-11, atol=1e-12)
    (traced_weights,) = model.weights()
    torch.testing.assert_close(traced_weights, weights[:, None, s:], rtol=1e-11, atol=1e-12)
    sums = torch.ones(B, 1, Q, dtype=torch.float64)
    if s == 0:
        sums[:, :, 0] = 0.0  # the first position has no earlier states
    torch.testing.assert_close(traced_weights.sum(-1), sums)

    with torch.no_grad():
        state = model.start(source)
        for t in range(Q):
            output, state = model.step(query[:, t], state)
            torch.testing.assert_close(output, wanted[:, t].detach(), rtol=1e-11, atol=1e-12)


def test_a_step_leaves_the_state_it_was_given():
    model = randomised()
    source, query = (torch.randn(B, n, D, dtype=torch.float64) for n in (S, Q))
    with torch.no_grad():
        state = model.start(source)
        first, _ = model.step(query[:, 0], state)
        model.step(query[:, 1], state)
        again, _ = model.step(query[:, 0], state)
    assert torch.equal(first, again)


def test_without_scores_that_differ_it_reads_the_mean_of_its_past():
    """With v = 0 every earlier state has the same weight, so an Elman cell goes on from the mean of its states."""
    model = randomised(cell="rnn")
    nn.init.zeros_(model.attention.alignment.v)
    query = torch.randn(B, Q, D, dtype=torch.float64)
    states = [model.cell(query[:, 0])]
    for t in range(1, Q):
        states.append(model.cell(query[:, t], torch.stack(states).mean(0)))
    torch.testing.assert_close(model(query[:, :0], query), torch.stack(states, 1), rtol=1e-12, atol=1e-12)


def test_mistakes_get_their_sentence():
    with pytest.raises(SpecError, match=r"unknown cell 'ltsm'\. Did you mean 'lstm'"):
        MODELS["self_attentive_rnn"](D, cell="ltsm")
    with pytest.raises(ValueError, match="SelfAttentiveRNN cannot run with causal=False"):
        MODELS["self_attentive_rnn"](D, causal=False)
    with pytest.raises(TypeError, match="Coverage needs the weights of earlier steps"):
        MODELS["self_attentive_rnn"](D, alignment="coverage")(torch.randn(B, S, D), torch.randn(B, Q, D))
    with pytest.raises(ValueError, match="max_length = 7 positions, and the sequence has 8"):
        MODELS["self_attentive_rnn"](D, alignment={"location": {"max_length": 7}})(
            torch.randn(B, S, D), torch.randn(B, Q, D)
        )


@torch.no_grad()
def test_a_traced_step_has_the_weights_of_all_that_came_before():
    model = MODELS["self_attentive_rnn"](6).double()
    source, query = torch.randn(2, 7, 6, dtype=torch.float64), torch.randn(2, 1, 6, dtype=torch.float64)
    state = model.start(source)
    with traced(model):
        model.step(query[:, 0], state)
        stepped = model.weights()[0]
        model(source, query)
    torch.testing.assert_close(stepped, model.weights()[0], rtol=1e-11, atol=1e-12)
    assert stepped.shape == (2, 1, 1, 8)
