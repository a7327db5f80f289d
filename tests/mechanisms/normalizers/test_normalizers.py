import copy
import io

import entmax
import pytest
import torch

from mechanisms import NORMALIZERS

PACKAGE = {"sparsemax": entmax.sparsemax, "entmax15": entmax.entmax15}
ORDER = {"sparsemax": 2.0, "entmax15": 1.5}


def scores_and_mask(*shape):
    mask = torch.rand(shape[0], 1, *shape[2:]) < 0.7
    mask[..., 0] = True
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True), mask


def gradient(weights, scores, direction):
    return torch.autograd.grad((weights * direction).sum(), scores, retain_graph=True)[0]


@pytest.mark.reference("normalizer", "softmax")
def test_softmax_follows_the_formula():
    scores = torch.randn(2, 3, 5, 7, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(2, 1, 5, 7) < 0.7
    mask[..., 0] = True
    weights = NORMALIZERS["softmax"]()(scores, mask)
    powers = scores.exp() * mask
    wanted = powers / powers.sum(-1, keepdim=True)
    torch.testing.assert_close(weights, wanted, rtol=1e-13, atol=1e-13)
    direction = torch.randn_like(weights)
    got, expected = (torch.autograd.grad((w * direction).sum(), scores)[0] for w in (weights, wanted))
    torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", list(NORMALIZERS))
def test_a_fully_masked_row_is_zero_and_so_is_its_gradient(name):
    scores = torch.tensor([0.1, -0.2, 0.3]).repeat(1, 1, 2, 1).requires_grad_()
    mask = torch.tensor([[False] * 3, [True] * 3])[None, None]
    weights = NORMALIZERS[name]()(scores, mask)
    (weights * torch.tensor([0.3, -0.2, 0.5])).sum().backward()
    assert not weights[0, 0, 0].any()
    assert not scores.grad[0, 0, 0].any()
    assert scores.grad[0, 0, 1].any()


def test_scores_near_the_largest_number_stay_finite():
    weights = NORMALIZERS["softmax"]()(
        torch.tensor([[[[3e38, -3e38, 0.0]]]]), torch.tensor([True, True, False])[None, None, None]
    )
    torch.testing.assert_close(weights, torch.tensor([[[[1.0, 0.0, 0.0]]]]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", list(NORMALIZERS))
def test_the_largest_numbers_there_are_stay_finite(name, dtype):
    largest = torch.finfo(dtype).max
    rows = [[largest, -largest, -1e4], [largest, largest, -largest], [-largest] * 3, [1e4, -1e4, 1.0]]
    scores = torch.tensor(rows, dtype=dtype)[None, None].requires_grad_()
    for mask in (None, torch.tensor([True, True, False])[None, None, None]):
        weights = NORMALIZERS[name]()(scores, mask)
        assert weights.dtype == dtype
        assert weights.isfinite().all()
        assert gradient(weights, scores, torch.tensor([0.5, -1.0, 2.0])).isfinite().all()
        assert weights[0, 0, 0].tolist() == [1.0, 0.0, 0.0]


# Sparsemax and entmax


def bisected(scores, order):
    """((order - 1) e - τ)₊^(1/(order - 1)), row by row, with the τ for which they sum to one found by bisection."""
    rows = scores.detach().reshape(-1, scores.shape[-1]) * (order - 1)
    found = torch.empty_like(rows)
    for i, row in enumerate(rows):
        low, high = row.max() - 1, row.max()
        for _ in range(80):
            middle = (low + high) / 2
            if (row - middle).clamp(min=0).pow(1 / (order - 1)).sum() >= 1:
                low = middle
            else:
                high = middle
        found[i] = (row - low).clamp(min=0).pow(1 / (order - 1))
    return found.view_as(scores)


@pytest.mark.reference("normalizer", *PACKAGE)
@pytest.mark.parametrize("scale", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("name", list(PACKAGE))
def test_sparse_weights_are_those_of_the_package_and_of_bisection(name, scale):
    scores = (scale * torch.randn(2, 3, 5, 23, dtype=torch.float64)).requires_grad_()
    weights, wanted = NORMALIZERS[name]()(scores), PACKAGE[name](scores, dim=-1)
    torch.testing.assert_close(weights, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(weights, bisected(scores, ORDER[name]), rtol=0, atol=1e-10)
    direction = torch.randn_like(weights)
    torch.testing.assert_close(
        gradient(weights, scores, direction), gradient(wanted, scores, direction), rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("name", list(PACKAGE))
def test_the_gradient_of_sparse_weights_is_the_papers(name):
    """∂a/∂e = diag(s) - s sᵀ / Σs with s_i = a_i^(2 - order) on the support (Peters et al. 2019)."""
    scores = torch.randn(1, 1, 1, 13, dtype=torch.float64)
    normalizer = NORMALIZERS[name]()
    weights = bisected(scores, ORDER[name]).flatten()
    s = torch.where(weights > 0, weights.pow(2 - ORDER[name]), 0)
    wanted = s.diag() - torch.outer(s, s) / s.sum()
    jacobian = torch.autograd.functional.jacobian(lambda e: normalizer(e[None, None, None]).flatten(), scores.flatten())
    torch.testing.assert_close(jacobian, wanted, rtol=0, atol=1e-10)
    assert torch.autograd.gradgradcheck(normalizer, scores.requires_grad_())


@pytest.mark.parametrize("name", list(PACKAGE))
def test_sparse_weights_under_a_mask_are_those_of_the_keys_that_are_left(name):
    scores, mask = scores_and_mask(2, 3, 5, 7)
    weights = NORMALIZERS[name]()(scores, mask)
    direction = torch.randn_like(weights)
    got = gradient(weights, scores, direction)
    for b, h, q in torch.cartesian_prod(*map(torch.arange, (2, 3, 5))).tolist():
        left = mask[b, 0, q]
        row = scores.detach()[b, h, q, left].requires_grad_()
        alone = PACKAGE[name](row, dim=-1)
        torch.testing.assert_close(weights[b, h, q, left], alone, rtol=0, atol=1e-12)
        wanted = gradient(alone, row, direction[b, h, q, left])
        torch.testing.assert_close(got[b, h, q, left], wanted, rtol=0, atol=1e-10)
        assert not weights[b, h, q, ~left].any()
        assert not got[b, h, q, ~left].any()


@pytest.mark.parametrize(
    ("name", "scores", "wanted"),
    [
        ("sparsemax", [0.5, 0.2, -3.0], [0.65, 0.35, 0.0]),
        ("sparsemax", [7.0, 6.0, 6.0], [1.0, 0.0, 0.0]),
        ("sparsemax", [2.0, 2.0, 2.0, 2.0], [0.25] * 4),
        # With halves 1 and 0, τ = 0: (1 - 0)² is one already, and the second has just no weight.
        ("entmax15", [2.0, 0.0, -9.0], [1.0, 0.0, 0.0]),
        # With halves 0.1 and -0.1, τ = -√(0.49): (0.7 + 0.1)² and (0.7 - 0.1)².
        ("entmax15", [0.2, -0.2, -5.0], [0.64, 0.36, 0.0]),
        ("entmax15", [-1.0, -1.0, -1.0, -1.0], [0.25] * 4),
    ],
)
def test_sparse_weights_by_hand(name, scores, wanted):
    weights = NORMALIZERS[name]()(torch.tensor(scores, dtype=torch.float64)[None, None, None])
    torch.testing.assert_close(weights.flatten(), torch.tensor(wanted, dtype=torch.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize("spread", [1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("name", list(PACKAGE))
def test_sparse_weights_over_many_keys_hold_in_single_precision(name, spread):
    scores = spread * torch.randn(1, 2, 3, 4099, dtype=torch.float64)
    wanted = NORMALIZERS[name]()(scores)
    single = NORMALIZERS[name]()(scores.float())
    torch.testing.assert_close(single.double(), wanted, rtol=0, atol=1e-6)
    torch.testing.assert_close(single.sum(-1), torch.ones(1, 2, 3), rtol=0, atol=2e-4)
    # Half precision is off by what rounding the scores and the weights costs, not by what summing them would.
    half = scores.bfloat16()
    torch.testing.assert_close(
        NORMALIZERS[name]()(half).double(), NORMALIZERS[name]()(half.double()), rtol=2**-7, atol=1e-6
    )


# Sigmoid and softmax_one


@pytest.mark.reference("normalizer", "sigmoid")
def test_sigmoid_counts_the_keys_that_a_row_may_see():
    scores, mask = scores_and_mask(2, 3, 5, 7)
    weights = NORMALIZERS["sigmoid"]()(scores, mask)
    for b, q in torch.cartesian_prod(torch.arange(2), torch.arange(5)).tolist():
        n = int(mask[b, 0, q].sum())
        # σ(e - log n) = 1 / (1 + n exp(-e))
        wanted = mask[b, 0, q] / (1 + n * (-scores[b, :, q]).exp())
        torch.testing.assert_close(weights[b, :, q], wanted, rtol=1e-13, atol=0)


def test_sigmoid_over_equal_scores_of_zero():
    scores = torch.zeros(1, 1, 3, 3)
    normalizer = NORMALIZERS["sigmoid"]()
    torch.testing.assert_close(normalizer(scores), torch.full((1, 1, 3, 3), 1 / 4))
    causal = torch.ones(3, 3, dtype=torch.bool).tril()[None, None]
    wanted = torch.tensor([[1 / 2, 0, 0], [1 / 3, 1 / 3, 0], [1 / 4, 1 / 4, 1 / 4]])
    torch.testing.assert_close(normalizer(scores, causal)[0, 0], wanted)
    # One column of the mask is for all keys.
    torch.testing.assert_close(normalizer(scores, causal[..., :1])[0, 0], torch.full((3, 3), 1 / 4))


@pytest.mark.reference("normalizer", "softmax_one")
def test_softmax_one_is_softmax_beside_a_key_of_score_zero():
    scores, mask = scores_and_mask(2, 3, 5, 7)
    weights = NORMALIZERS["softmax_one"]()(scores, mask)
    powers = scores.exp() * mask
    formula = powers / (1 + powers.sum(-1, keepdim=True))
    sink = torch.zeros(2, 3, 5, 1, dtype=torch.float64)
    seen = torch.cat([mask, torch.ones(2, 1, 5, 1, dtype=torch.bool)], -1)
    beside = NORMALIZERS["softmax"]()(torch.cat([scores, sink], -1), seen)[..., :-1]
    direction = torch.randn_like(weights)
    for wanted in (formula, beside):
        torch.testing.assert_close(weights, wanted, rtol=1e-13, atol=1e-15)
        got, expected = gradient(weights, scores, direction), gradient(wanted, scores, direction)
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-14)


def test_softmax_one_reads_nothing_where_all_scores_are_low():
    weights = NORMALIZERS["softmax_one"]()(torch.tensor([[-1e4, -1e4], [1e4, 1e4], [0.0, 0.0]])[None, None])
    torch.testing.assert_close(weights[0, 0], torch.tensor([[0.0, 0.0], [0.5, 0.5], [1 / 3, 1 / 3]]))


# Hard

# The statistic of Pearson's test on four classes exceeds this once in ten thousand right samplers (3 degrees of
# freedom); the seed is fixed, so a sampler that passes goes on passing.
CHI_SQUARED = 21.11
PROBABILITIES = torch.tensor([0.5, 0.3, 0.15, 0.05])


def chi_squared(draws):
    counts, expected = draws.reshape(-1, 4).sum(0), draws.reshape(-1, 4).shape[0] * PROBABILITIES
    return float(((counts - expected).square() / expected).sum())


@pytest.mark.reference("normalizer", "hard")
@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
def test_hard_draws_with_the_probabilities_of_softmax(temperature):
    scores = PROBABILITIES.log() + 3.0
    one_call = NORMALIZERS["hard"](temperature=temperature)(scores.expand(1, 1, 20011, 4))
    assert chi_squared(one_call) < CHI_SQUARED
    assert torch.equal(one_call.sort(-1).values, torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(1, 1, 20011, 4))
    many_calls = NORMALIZERS["hard"](temperature=temperature)
    draws = torch.cat([many_calls(scores.expand(1, 1, 3, 4)) for _ in range(2003)])
    assert chi_squared(draws) < CHI_SQUARED
    # What two neighbouring calls draw has nothing to do with each other.
    pairs = torch.einsum("nqi,nqj->ij", draws[0:2002:2, 0], draws[1:2002:2, 0])
    expected = 3003 * torch.outer(PROBABILITIES, PROBABILITIES)
    # 15 degrees of freedom, again one in ten thousand.
    assert float(((pairs - expected).square() / expected).sum()) < 44.3


def test_hard_draws_among_the_keys_that_may_be_seen():
    scores = (PROBABILITIES.log() + torch.tensor([0.0, 0.0, 9.0, 0.0])).expand(1, 1, 20011, 4)
    mask = torch.tensor([True, True, False, True])[None, None, None]
    counts = NORMALIZERS["hard"]()(scores, mask).sum((0, 1, 2))
    expected = 20011 * PROBABILITIES / 0.85
    assert counts[2] == 0
    statistic = ((counts - expected).square() / expected)[[0, 1, 3]].sum()
    # 2 degrees of freedom, one in ten thousand.
    assert statistic < 18.42


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_gradient_of_hard_is_that_of_softmax_at_its_temperature(temperature):
    scores, mask = scores_and_mask(2, 3, 5, 7)
    normalizer = NORMALIZERS["hard"](temperature=temperature)
    noise = copy.deepcopy(normalizer)._noise(scores.detach())
    weights = normalizer(scores, mask)
    soft = NORMALIZERS["softmax"]()((scores + noise) / temperature, mask)
    assert torch.equal(weights.argmax(-1), soft.argmax(-1))
    direction = torch.randn_like(weights)
    torch.testing.assert_close(
        gradient(weights, scores, direction), gradient(soft, scores, direction), rtol=1e-12, atol=1e-14
    )


def test_hard_takes_the_highest_score_when_not_training():
    scores, mask = scores_and_mask(2, 3, 5, 7)
    normalizer = NORMALIZERS["hard"]().eval()
    highest = scores.masked_fill(~mask, -torch.inf).argmax(-1)
    assert torch.equal(normalizer(scores, mask), torch.nn.functional.one_hot(highest, 7).double())
    assert normalizer.draws == 0


def test_hard_goes_on_from_its_state_dict_as_if_never_interrupted():
    scores = torch.randn(1, 2, 3, 5)
    first = NORMALIZERS["hard"]()
    for _ in range(3):
        first(scores)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = NORMALIZERS["hard"]()
    assert not torch.equal(torch.stack([second(scores) for _ in range(7)]), torch.stack([first(scores)] * 7))
    second.load_state_dict(torch.load(file, weights_only=True))
    first.load_state_dict(second.state_dict())
    for _ in range(7):
        assert torch.equal(first(scores), second(scores))


def test_hard_is_seeded_by_torchs_seed_and_leaves_it_alone():
    scores = torch.randn(1, 2, 3, 5)
    torch.manual_seed(7)
    first = NORMALIZERS["hard"]()
    torch.manual_seed(7)
    second, third = NORMALIZERS["hard"](), NORMALIZERS["hard"]()
    assert first.seed == second.seed != third.seed
    state = torch.random.get_rng_state()
    torch.testing.assert_close(first(scores), second(scores))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_hard_survives_copies_casts_and_construction_on_meta():
    scores = torch.randn(1, 2, 3, 5)
    with torch.device("meta"):
        built = NORMALIZERS["hard"]()
    built(scores)
    others = (copy.deepcopy(built), copy.deepcopy(built).double(), copy.deepcopy(built).to("cpu").bfloat16())
    wanted = built(scores)
    for other in others:
        assert torch.equal(other(scores), wanted)
        assert (other.seed, other.draws) == (built.seed, 2)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_hard_refuses_a_temperature_that_is_not_above_zero(temperature):
    with pytest.raises(ValueError, match="temperature must be above 0"):
        NORMALIZERS["hard"](temperature=temperature)
