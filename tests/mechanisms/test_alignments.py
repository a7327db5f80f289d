"""Every alignment against its paper's formula, pair by pair in float64."""

import pytest
import torch

from mechanisms import ALIGNMENTS

B, H, Q, K, DQ, DK = 2, 3, 5, 7, 11, 13


def additive(a, s, h, head, i):
    return torch.dot(a.v[head], torch.tanh(a.W[head].T @ s + a.U[head].T @ h + a.b[head, 0]))


def dot(a, s, h, head, i):
    return torch.dot(s, h)


def scaled_dot(a, s, h, head, i):
    return torch.dot(s, h) / len(h) ** 0.5


def general(a, s, h, head, i):
    return s @ a.W[head] @ h


def location(a, s, h, head, i):
    return torch.dot(a.w[head, i], s)


def cosine(a, s, h, head, i):
    return torch.exp(a.log_beta[head, 0, 0]) * torch.dot(s, h) / torch.sqrt(torch.dot(s, s) * torch.dot(h, h))


REFERENCES = {f.__name__: f for f in (additive, dot, scaled_dot, general, location, cosine)}
ONE_WIDTH = {"dot", "scaled_dot", "cosine"}


def test_every_alignment_has_a_reference():
    assert set(ALIGNMENTS) == set(REFERENCES)
    assert not ALIGNMENTS.unavailable


@pytest.mark.parametrize("heads", [1, H])
@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_scores_and_gradients(name, heads):
    key_dim = DQ if name in ONE_WIDTH else DK
    alignment = ALIGNMENTS[name](heads, DQ, key_dim).double()
    for parameter in alignment.parameters():  # b starts at zero, where its part would not be seen
        torch.nn.init.normal_(parameter, std=0.5)
    query = torch.randn(B, heads, Q, DQ, dtype=torch.float64, requires_grad=True)
    key = torch.randn(B, heads, K, key_dim, dtype=torch.float64, requires_grad=True)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(K)))

    wanted = torch.stack(
        [
            REFERENCES[name](alignment, query[b, h, q], key[b, h, k], h, k)
            for b in range(B)
            for h in range(heads)
            for q in range(Q)
            for k in range(K)
        ]
    ).view(B, heads, Q, K)
    torch.testing.assert_close(scores, wanted, rtol=1e-12, atol=1e-12)

    leaves = [query, key, *alignment.parameters()]
    direction = torch.randn_like(scores)
    got = torch.autograd.grad((scores * direction).sum(), leaves, allow_unused=True)
    expected = torch.autograd.grad((wanted * direction).sum(), leaves, allow_unused=True)
    for a, b in zip(got, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", sorted(set(REFERENCES) - {"dot"}))
def test_initial_scores_of_unit_variance_inputs_have_spread_one(name):
    alignment = ALIGNMENTS[name](31, 67, 67)
    query, key = torch.randn(7, 31, 11, 67), torch.randn(7, 31, 13, 67)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(13)))
    assert 0.85 < scores.std().item() < 1.15


@pytest.mark.parametrize("name", sorted(ONE_WIDTH))
def test_different_widths_are_refused_with_a_sentence(name):
    with pytest.raises(ValueError, match=f"{name} needs queries and keys of one width, and got 11 and 13"):
        ALIGNMENTS[name](H, DQ, DK)


def test_location_is_refused_beyond_its_length():
    alignment = ALIGNMENTS["location"](H, DQ, DK, max_length=7)
    key = torch.randn(B, H, 2, DK)
    alignment.project_key(key, torch.tensor([5, 6]))
    with pytest.raises(ValueError, match="max_length = 7 positions, and the keys reach to position 8"):
        alignment.project_key(key, torch.tensor([6, 7]))


def test_cosine_of_a_zero_vector_is_zero_with_a_finite_gradient():
    alignment = ALIGNMENTS["cosine"](1, 5, 5)
    query, key = torch.zeros(1, 1, 1, 5, requires_grad=True), torch.randn(1, 1, 3, 5)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(3)))
    scores.sum().backward()
    assert not scores.any()
    assert query.grad.isfinite().all()
