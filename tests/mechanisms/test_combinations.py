"""Every alignment with every normalizer and position scheme in every model that has attention."""

import jaxtyping
import pytest
import torch

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, SequenceModel, incompatibility
from mechanisms.layers.decoders import DECODERS

# Enough rows that a sparse normalizer gives some key other than the best one a weight in one of them.
B, S, Q, D = 11, 5, 3, 4
HOSTS = [name for name in MODELS if "alignment" in MODELS.parts(MODELS[name])]
WAYS = [(host, {"layers": 1} if host.startswith("transformer") else {}) for host in HOSTS if host != "rnn_attention"]
WAYS += [("rnn_attention", {"decoder": decoder}) for decoder in DECODERS]


@pytest.fixture(autouse=True)
def unchecked_shapes():
    """Thousands of models: the shapes in signatures are checked everywhere else."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def test_the_hosts_are_those_with_attention():
    assert set(HOSTS) == {
        "rnn_attention",
        "self_attentive_rnn",
        "transformer",
        "transformer_encoder",
        "transformer_encoder_decoder",
    }


SOME, ALL = 6, 1


@pytest.mark.parametrize("every", [SOME, pytest.param(ALL, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("alignment", list(ALIGNMENTS))
@pytest.mark.parametrize(("host", "settings"), WAYS, ids=str)
def test_every_combination_works_or_is_incompatible(host, settings, alignment, every):
    reason = incompatibility(MODELS[host], {"alignment": ALIGNMENTS[alignment]})
    if reason is not None:
        assert ALIGNMENTS[alignment].needs_history
        assert host != "rnn_attention"
        assert "these models do: rnn_attention" in reason
        with pytest.raises(TypeError, match="needs the weights of earlier steps"):
            MODELS[host](D, alignment=alignment)(*(torch.randn(B, 3, D) for _ in range(2)))
        return
    # Of some, each normalizer and each position scheme once with each alignment, others with another alignment.
    first = list(ALIGNMENTS).index(alignment)
    pairs = [(n, p) for i, n in enumerate(NORMALIZERS) for j, p in enumerate(POSITIONS) if (first + i + j) % every == 0]
    assert {n for n, _ in pairs} == set(NORMALIZERS)
    assert {p for _, p in pairs} == set(POSITIONS)
    for normalizer, position in pairs:
        parts = {"alignment": alignment, "normalizer": normalizer, "position": position, **settings}
        model = MODELS[host](D, **parts).double()
        problems = [*learning(model), *looking_ahead(model), *stepping(model)]
        assert not problems, f"{host} {parts}: {problems}"


def sequences() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(B, S, D, dtype=torch.float64), torch.randn(B, Q, D, dtype=torch.float64)


def learning(model: SequenceModel) -> list[str]:
    output = model(*sequences())
    if output.shape != (B, Q, D) or not output.isfinite().all():
        return ["outputs of the wrong shape or not finite"]
    output.backward(torch.randn_like(output))
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    unbounded = [n for n, p in model.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    return [f"no gradient: {without}"] * bool(without) + [f"not finite: {unbounded}"] * bool(unbounded)


@torch.no_grad()
def looking_ahead(model: SequenceModel) -> list[str]:
    if model.bidirectional:
        return []
    model.eval()
    source, query = sequences()
    other = query.clone()
    other[:, -1] = torch.randn(B, D)
    change = (model(source, other) - model(source, query))[:, :-1].abs().max().item()
    return [f"an earlier output changed by {change}"] if change > 1e-10 else []


@torch.no_grad()
def stepping(model: SequenceModel) -> list[str]:
    if not model.decodes:
        return []
    model.eval()
    source, query = sequences()
    wanted, state, outputs = model(source, query), model.start(source), []
    for t in range(Q):
        output, state = model.step(query[:, t], state)
        outputs.append(output)
    difference = (torch.stack(outputs, 1) - wanted).abs().max().item()
    return [f"steps differ from forward by {difference}"] if difference > 1e-10 else []
