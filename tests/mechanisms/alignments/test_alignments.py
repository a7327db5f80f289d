"""Every alignment against its paper's formula, pair by pair in float64."""

import itertools

import pytest
import torch

from mechanisms import (
    ALIGNMENTS,
    CAUSAL,
    FULL,
    NORMALIZERS,
    Attention,
    Mask,
    MultiHeadAttention,
    padding,
    sliding,
    traced,
)
from tests.mechanisms.formulas import HISTORIES, PAIRS, expected_alignment

B, H, Q, K, DQ, DK = 2, 3, 5, 7, 11, 13
ONE_WIDTH = {"dot", "scaled_dot", "cosine", "gaussian", "concat_identity"}


def randomised(choice, heads: int, query_dim: int, key_dim: int):
    """Some parameters start at zero, where their part would not be seen."""
    alignment = ALIGNMENTS.build(choice, heads, query_dim, key_dim).double()
    for parameter in alignment.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return alignment


def assert_gradients(got, wanted, leaves):
    direction = torch.randn_like(got)
    pair = [
        torch.autograd.grad((x * direction).sum(), leaves, allow_unused=True, materialize_grads=True)
        for x in (got, wanted)
    ]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-11)


def test_alignments_that_need_a_history_have_a_reference_with_one():
    assert {name for name in ALIGNMENTS if ALIGNMENTS[name].needs_history} == set(HISTORIES)


@pytest.mark.reference("alignment", *PAIRS)
@pytest.mark.parametrize("heads", [1, H])
@pytest.mark.parametrize("name", sorted(PAIRS))
def test_scores_and_gradients(name, heads):
    key_dim = DQ if name in ONE_WIDTH else DK
    alignment = randomised(name, heads, DQ, key_dim)
    query = torch.randn(B, heads, Q, DQ, dtype=torch.float64, requires_grad=True)
    key = torch.randn(B, heads, K, key_dim, dtype=torch.float64, requires_grad=True)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(K)))

    indices = itertools.product(range(B), range(heads), range(Q), range(K))
    wanted = torch.stack([PAIRS[name](alignment, query[b, h, q], key[b, h, k], h, k) for b, h, q, k in indices])
    wanted = wanted.view(B, heads, Q, K)
    torch.testing.assert_close(scores, wanted, rtol=1e-12, atol=1e-12)
    assert_gradients(scores, wanted, [query, key, *alignment.parameters()])


def test_monotonic_energies_start_with_spread_one_around_their_offset():
    alignment = ALIGNMENTS["monotonic"](31, 67, 67, offset=-2.0)
    query, key = torch.randn(7, 31, 11, 67), torch.randn(7, 31, 13, 67)
    energies = alignment.energies(alignment.project_query(query), alignment.project_key(key, torch.arange(13)))
    assert 0.85 < energies.std().item() < 1.15
    assert abs(energies.mean().item() + 2) < 0.15


@pytest.mark.parametrize("name", sorted(ONE_WIDTH))
def test_different_widths_are_an_error(name):
    with pytest.raises(ValueError, match=f"{name} needs queries and keys of one width, and got 11 and 13"):
        ALIGNMENTS[name](H, DQ, DK)
    with pytest.raises(ValueError, match=f"{name} needs queries and keys of one width, and got 11 and 13"):
        ALIGNMENTS["local_m"](H, DQ, DK, alignment=name)


def test_location_has_a_largest_length():
    assert ALIGNMENTS["location"](H, DQ, DK, max_length=7).max_length == 7
    assert ALIGNMENTS["local_p"](H, DQ, DK, alignment={"location": {"max_length": 7}}).max_length == 7
    assert ALIGNMENTS["local_m"](H, DQ, DK).max_length is None


@pytest.mark.parametrize("name", ["local_m", "local_p"])
def test_what_wraps_location_reads_no_keys_either(name):
    """Otherwise a projection of the keys would be learned and not used."""
    assert ALIGNMENTS[name](H, DQ, DK).reads_content
    attention = MultiHeadAttention(12, 3, {name: {"alignment": "location"}})
    x = torch.randn(B, K, 12)
    (attention(x, x) * torch.randn_like(x)).sum().backward()
    unused = {n for n, parameter in attention.named_parameters() if parameter.grad is None or not parameter.grad.any()}
    assert not unused


def test_cosine_of_a_zero_vector_is_zero_with_a_finite_gradient():
    alignment = ALIGNMENTS["cosine"](1, 5, 5)
    query, key = torch.zeros(1, 1, 1, 5, requires_grad=True), torch.randn(1, 1, 3, 5)
    scores = alignment.score(alignment.project_query(query), alignment.project_key(key, torch.arange(3)))
    scores.sum().backward()
    assert not scores.any()
    assert query.grad.isfinite().all()


def test_mistakes_get_their_sentence():
    with pytest.raises(ValueError, match="an odd kernel, not 8 and 4"):
        ALIGNMENTS["location_aware"](H, DQ, DK, kernel=4)
    with pytest.raises(ValueError, match="LocalM wraps an alignment that is global and needs no history, not coverage"):
        ALIGNMENTS["local_m"](H, DQ, DK, alignment="coverage")
    with pytest.raises(ValueError, match="LocalP wraps an alignment that is global and needs no history, not local_m"):
        ALIGNMENTS["local_p"](H, DQ, DK, alignment="local_m")
    with pytest.raises(ValueError, match="local_m: window is the number of keys on each side, at least 0, not -1"):
        ALIGNMENTS["local_m"](H, DQ, DK, window=-1)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        ALIGNMENTS["local_p"](H, DQ, DK, window=0)


HISTORY_CHOICES = [
    "location_aware",
    {"location_aware": {"filters": 3, "kernel": 3}},
    {"location_aware": {"filters": 1, "kernel": 9}},
    "coverage",
    "monotonic",
    {"monotonic": {"offset": 1.0}},
]


def walk(attention, query, key, value):
    """Attend with one query after another, and return contexts and weights."""
    keys = attention.project_keys(key)
    history, contexts, weights = attention.begin(keys), [], []
    for asked in query.split(1, dim=2):
        context, history = attention.next(asked, keys, value, history)
        contexts.append(context)
        weights.append(history.previous)
    torch.testing.assert_close(history.total, sum(weights), rtol=1e-12, atol=1e-12)
    return torch.cat(contexts, dim=2), torch.stack(weights, dim=2)


def walk_by_loops(name, alignment, query, key, value):
    rows = [
        [weights_by_loops(HISTORIES[name], alignment, query[b, h], key[b, h], h) for h in range(query.shape[1])]
        for b in range(len(query))
    ]
    weights = torch.stack([torch.stack(row) for row in rows])
    return weights @ value, weights


def weights_by_loops(formula, alignment, queries, keys, head):
    steps = []
    for s in queries:
        steps.append(formula(alignment, s, keys, head, steps))
    return torch.stack(steps)


@pytest.mark.reference("alignment", *HISTORIES)
@pytest.mark.parametrize("heads", [1, H])
@pytest.mark.parametrize("choice", HISTORY_CHOICES, ids=str)
def test_steps_with_a_history_follow_the_paper(choice, heads):
    name = choice if isinstance(choice, str) else next(iter(choice))
    alignment = randomised(choice, heads, DQ, DK)
    attention = Attention(alignment, NORMALIZERS["softmax"]()).double()
    query, key, value = (
        torch.randn(B, heads, n, d, dtype=torch.float64, requires_grad=True) for n, d in ((Q, DQ), (K, DK), (K, 3))
    )
    got, weights = walk(attention, query, key, value)
    wanted, alpha = walk_by_loops(name, alignment, query, key, value)
    torch.testing.assert_close(weights, alpha, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, heads, Q, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-13)
    assert_gradients(got, wanted, [query, key, value, *alignment.parameters()])


def test_traced_steps_keep_their_weights_and_are_not_changed():
    attention = Attention(randomised("coverage", H, DQ, DK), NORMALIZERS["softmax"]()).double()
    query, key, value = (torch.randn(B, H, n, d, dtype=torch.float64) for n, d in ((1, DQ), (K, DK), (K, 3)))
    plain, weights = walk(attention, query, key, value)
    with traced(attention):
        context, _ = walk(attention, query, key, value)
    assert torch.equal(context, plain)
    assert torch.equal(attention.weights, weights)


@pytest.mark.parametrize("name", ["location_aware", "coverage"])
def test_a_masked_key_is_never_looked_at(name):
    """With the last keys masked, the steps are those over the keys before them."""
    attention = Attention(randomised(name, H, DQ, DK), NORMALIZERS["softmax"]()).double()
    query, key, value = (torch.randn(B, H, n, d, dtype=torch.float64) for n, d in ((Q, DQ), (K, DK), (K, 3)))
    wanted, _ = walk(attention, query, key[:, :, :-2], value[:, :, :-2])
    keys = attention.project_keys(key)
    history = attention.begin(keys)
    for t in range(Q):
        context, history = attention.next(
            query[:, :, t : t + 1], keys, value, history, padding(torch.full((B,), K - 2), K)
        )
        assert not history.total[..., -2:].any()
        torch.testing.assert_close(context, wanted[:, :, t : t + 1], rtol=1e-11, atol=1e-12)


def monotonic_with(energies):
    """Return a monotonic alignment whose energies at the steps are given."""
    alignment = ALIGNMENTS["monotonic"](1, 1, 1).to(energies.dtype)
    alignment.energies = lambda query, key: energies[None, None, int(query[0, 0, 0, 0])]
    alignment.project_query = lambda query: query
    return alignment


def walk_over(energies):
    steps, keys = energies.shape
    attention = Attention(monotonic_with(energies[:, None]), NORMALIZERS["softmax"]())
    query = torch.arange(steps, dtype=energies.dtype).view(1, 1, steps, 1)
    key = torch.zeros(1, 1, keys, 1, dtype=energies.dtype)
    value = torch.eye(keys, dtype=energies.dtype)[None, None]
    return walk(attention, query, key, value)[0][0, 0]


def test_monotonic_is_the_probability_of_where_a_walk_stops():
    """All walks of three steps over four keys, each with its probability."""
    steps, keys = 3, 4
    energies = torch.randn(steps, keys, dtype=torch.float64)
    p = torch.sigmoid(energies)
    p[:, -1] = 1.0
    wanted = torch.zeros(steps, keys, dtype=torch.float64)
    for stops in itertools.product(range(keys), repeat=steps):
        if list(stops) != sorted(stops):
            continue
        probability, start = 1.0, 0
        for t, stop in enumerate(stops):
            for passed in range(start, stop):
                probability = probability * (1 - p[t, passed])
            probability, start = probability * p[t, stop], stop
        for t, stop in enumerate(stops):
            wanted[t, stop] += probability
    torch.testing.assert_close(walk_over(energies), wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("scale", [0.0, 0.4, 1.0])
def test_monotonic_starts_at_one_key_a_step(scale):
    """With p = 1/2 everywhere a walk passes (1 - p)/p = 1 key a step, so 20 queries over 40 keys end near key 20."""
    attention = Attention(ALIGNMENTS["monotonic"](32, 16, 16), NORMALIZERS["softmax"]()).double()
    query, key = (scale * torch.randn(7, 32, n, 16, dtype=torch.float64) for n in (20, 40))
    place = torch.arange(40, dtype=torch.float64)[:, None].expand(7, 32, 40, 1)
    assert 17 < walk(attention, query, key, place)[0][:, :, -1].mean().item() < 23


@pytest.mark.parametrize("pattern", ["stop", "pass", "mixed", "steps apart"])
def test_monotonic_stays_exact_where_probabilities_vanish(pattern):
    """Energies of ±50 over 200 keys: outputs and gradients are finite, and those of the recurrence."""
    steps, keys = 5, 200
    energies = torch.full((steps, keys), 50.0, dtype=torch.float64)
    if pattern == "pass":
        energies = -energies
    elif pattern == "mixed":
        energies *= torch.randint(2, energies.shape) * 2 - 1
    elif pattern == "steps apart":
        energies[::2] *= -1
    energies.requires_grad_()
    got = walk_over(energies)
    last, wanted = torch.eye(keys, dtype=torch.float64)[0], []
    for row in energies:
        last = expected_alignment([*torch.sigmoid(row[:-1]), torch.ones((), dtype=torch.float64)], last)
        wanted.append(last)
    wanted = torch.stack(wanted)
    torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-12)
    direction = torch.randn_like(got)
    (a,), (b,) = (torch.autograd.grad((x * direction).sum(), energies) for x in (got, wanted))
    assert a.isfinite().all()
    torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-12)


ROUNDING = [(torch.float32, 1e-6), (torch.float16, 2**-9), (torch.bfloat16, 2**-6)]


@pytest.mark.parametrize(("dtype", "rounding"), ROUNDING)
def test_monotonic_is_finite_in_single_and_half_precision_too(dtype, rounding):
    energies = (50 * torch.randn(7, 200)).to(dtype).requires_grad_()
    weights = walk_over(energies)
    (gradient,) = torch.autograd.grad((weights * torch.randn_like(weights)).sum(), energies)
    assert weights.dtype == dtype
    assert weights.isfinite().all()
    assert gradient.isfinite().all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(7, dtype=dtype), rtol=rounding, atol=rounding)


D = 2
PLACES = {
    "full": FULL,
    "causal": CAUSAL,
    "from the start": Mask(offset=0),
    "after the keys": Mask(offset=K),
    "causal from the start": Mask(True, offset=0),
    "window": sliding(3),
    "padding": padding(torch.tensor([K - 3, K]), K),
}


def local_by_loops(name, alignment, query, key, value, mask):
    """Luong et al. 2015, section 3.2, one query at a time: normalised over the window, then the factor."""
    rows, (q, k) = [], (query.shape[2], key.shape[2])
    offset = k - q if mask.offset is None else mask.offset
    for b, h, i in itertools.product(range(B), range(H), range(q)):
        s, at = query[b, h, i], i + offset
        visible = [j for j in range(k) if not mask.causal or j <= at]
        center = torch.tensor(float(at), dtype=torch.float64)
        if name == "local_p":
            center = len(visible) * torch.sigmoid(torch.dot(alignment.v[h], torch.tanh(alignment.W[h].T @ s)))
        seen = [
            j
            for j in visible
            if abs(j - center) <= D
            and (mask.window is None or abs(j - at) < mask.window)
            and (mask.keys is None or mask.keys[b, j])
        ]
        weights = [torch.zeros((), dtype=torch.float64)] * k
        powers = {j: torch.exp(PAIRS[name](alignment, s, key[b, h, j], h, j)) for j in seen}
        for j in seen:
            factor = torch.exp(-((j - center) ** 2) / (2 * (D / 2) ** 2)) if name == "local_p" else 1.0
            weights[j] = powers[j] / sum(powers.values()) * factor
        rows.append(torch.stack(weights))
    weights = torch.stack(rows).view(B, H, q, k)
    return weights @ value, weights


@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("q", [3, K])
@pytest.mark.parametrize("name", ["local_m", "local_p"])
def test_local_attention_follows_the_paper(name, q, place):
    alignment = randomised({name: {"window": D}}, H, DQ, DK)
    attention = Attention(alignment, NORMALIZERS["softmax"]()).double()
    query, key, value = (
        torch.randn(B, H, n, d, dtype=torch.float64, requires_grad=True) for n, d in ((q, DQ), (K, DK), (K, 3))
    )
    with traced(attention):
        got = attention(query, attention.project_keys(key), value, PLACES[place])
    wanted, weights = local_by_loops(name, alignment, query, key, value, PLACES[place])
    torch.testing.assert_close(attention.weights, weights.detach(), rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-13)
    assert_gradients(got, wanted, [query, key, value, *alignment.parameters()])
    if place == "after the keys" and name == "local_m":
        assert weights[:, :, 2:].count_nonzero() == 0
        assert got[:, :, :2].all()
        assert not got[:, :, 2:].any(), "a query without any key in reach reads zeros"
    if place == "full":
        sums = attention.weights.sum(-1)
        assert (sums < 0.999).any() == (name == "local_p"), "the factor of local_p is not normalised away"


def test_local_p_wants_to_look_from_the_first_key_to_behind_the_last():
    alignment = randomised({"local_p": {"window": D}}, 1, DQ, DK)
    attention = Attention(alignment, NORMALIZERS["softmax"]()).double()
    alignment.v.data *= 1e3
    query, key = torch.randn(1, 1, 67, DQ, dtype=torch.float64), torch.randn(1, 1, K, DK, dtype=torch.float64)
    with traced(attention):
        attention(query, attention.project_keys(key), key, FULL)
    assert (attention.weights > 0).any(-1).all(), "whatever its position, a query has a key in its window"
