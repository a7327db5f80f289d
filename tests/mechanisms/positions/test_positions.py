import math

import pytest
import torch

from mechanisms import POSITIONS


@pytest.mark.reference("position", "sinusoidal")
@pytest.mark.parametrize("width", [7, 12])
@pytest.mark.parametrize("start", [0, 5003])
def test_sinusoidal_is_the_papers_table(width, start):
    x = torch.randn(2, 5, width, dtype=torch.float64)
    added = POSITIONS["sinusoidal"](width).embed(x, torch.arange(start, start + 5)) - x
    for t in range(5):
        for column in range(width):
            angle = (start + t) / 10000 ** (2 * (column // 2) / width)
            wanted = math.cos(angle) if column % 2 else math.sin(angle)
            assert added[0, t, column].item() == pytest.approx(wanted, abs=1e-11)
    torch.testing.assert_close(added[0], added[1])


@pytest.mark.reference("position", "none")
def test_none_leaves_no_mark():
    x = torch.randn(2, 5, 7)
    assert torch.equal(POSITIONS["none"](7).embed(x, torch.arange(5)), x)


@pytest.mark.parametrize("name", list(POSITIONS))
def test_a_scheme_does_nothing_in_the_places_that_it_does_not_mark(name):
    scheme = POSITIONS[name](7, 3)
    x, head, position = torch.randn(2, 5, 7), torch.randn(2, 3, 5, 7), torch.arange(11, 16)
    changed = {
        "embed": not torch.equal(scheme.embed(x, position), x),
        "rotate": not torch.equal(scheme.rotate(head, position), head),
        "bias": scheme.bias(position, position) is not None,
    }
    places = {"sinusoidal": "embed", "learned": "embed", "rotary": "rotate", "alibi": "bias", "t5": "bias"}
    assert [place for place in changed if changed[place]] == ([places[name]] if name in places else [])


def test_half_precision_does_not_round_positions():
    x = torch.zeros(1, 3, 12, dtype=torch.bfloat16)
    position = torch.arange(100001, 100004)
    added = POSITIONS["sinusoidal"](12).bfloat16().embed(x, position)
    wanted = POSITIONS["sinusoidal"](12).embed(x.double(), position)
    torch.testing.assert_close(added.double(), wanted, rtol=2**-8, atol=0)


@pytest.mark.reference("position", "learned")
def test_learned_adds_a_row_per_position():
    scheme = POSITIONS["learned"](7, max_length=13)
    x = torch.randn(2, 5, 7)
    assert torch.equal(scheme.embed_from(x, first=3), x + scheme.P[3:8])


def test_learned_says_how_far_it_reaches():
    scheme = POSITIONS["learned"](7, max_length=13)
    scheme.embed_from(torch.randn(2, 5, 7), first=8)
    with pytest.raises(ValueError, match="max_length = 13 positions, and the sequence has 14; raise max_length"):
        scheme.embed_from(torch.randn(2, 5, 7), first=9)
    with pytest.raises(ValueError, match="at least 1"):
        POSITIONS["learned"](7, max_length=0)


def turned(x, position, base=10000.0):
    """Neighbouring columns as a complex number, times exp(i t θ)."""
    pairs = x.shape[-1] // 2
    theta = torch.tensor([base ** (-2 * i / (2 * pairs)) for i in range(pairs)], dtype=torch.float64)
    angle = position.double()[:, None] * theta
    number = torch.view_as_complex(x[..., : 2 * pairs].unflatten(-1, (pairs, 2)).contiguous())
    rotated = torch.view_as_real(number * torch.polar(torch.ones_like(angle), angle)).flatten(-2)
    return torch.cat([rotated, x[..., 2 * pairs :]], dim=-1)


@pytest.mark.reference("position", "rotary")
@pytest.mark.parametrize("base", [10000.0, 500.0])
@pytest.mark.parametrize("width", [1, 2, 7, 12])
def test_rotary_multiplies_by_complex_numbers_of_length_one(width, base):
    x = torch.randn(2, 3, 5, width, dtype=torch.float64, requires_grad=True)
    position = torch.tensor([0, 1, 2, 5003, 17])
    got, wanted = POSITIONS["rotary"](33, 3, base=base).rotate(x, position), turned(x, position, base)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-11)
    direction = torch.randn_like(got)
    gradients = [torch.autograd.grad((y * direction).sum(), x)[0] for y in (got, wanted)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-11)


def test_rotary_by_hand():
    x = torch.tensor([1.0, 0.0, 0.0, 2.0, 5.0], dtype=torch.float64)[None, None, None]
    got = POSITIONS["rotary"](5, base=100.0).rotate(x, torch.tensor([3]))
    wanted = [math.cos(3), math.sin(3), -2 * math.sin(0.3), 2 * math.cos(0.3), 5.0]
    assert got.flatten().tolist() == pytest.approx(wanted, abs=1e-15)


def test_rotary_products_depend_on_the_distance_alone():
    scheme = POSITIONS["rotary"](12, 3)
    query, key = torch.randn(2, 2, 3, 5, 12, dtype=torch.float64)
    products = [
        scheme.rotate(query, first + torch.arange(5)) @ scheme.rotate(key, first + torch.arange(5)).mT
        for first in (0, 1, 1000, 1000003)
    ]
    for product in products[1:]:
        torch.testing.assert_close(product, products[0], rtol=0, atol=1e-8)
    elsewhere = scheme.rotate(query, 1 + torch.arange(5)) @ scheme.rotate(key, torch.arange(5)).mT
    assert not torch.allclose(elsewhere, products[0], atol=1e-3)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2**-7)])
def test_rotary_is_not_rounded_with_the_module(dtype, tolerance):
    x, position = torch.randn(2, 3, 5, 12, dtype=dtype), torch.arange(100001, 100006)
    got = POSITIONS["rotary"](36, 3).to(dtype).rotate(x, position)
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), turned(x.double(), position), rtol=tolerance, atol=tolerance)


@pytest.mark.reference("position", "alibi")
@pytest.mark.parametrize(
    ("heads", "exponents"),
    [
        (1, [8]),
        (2, [4, 8]),
        (8, [1, 2, 3, 4, 5, 6, 7, 8]),
        (16, [0.5 * h for h in range(1, 17)]),
        # Those of 8 heads, then every other one of 16 heads'.
        (12, [1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5]),
        (3, [4, 8, 2]),
    ],
)
def test_alibi_slopes_are_the_papers(heads, exponents):
    query, key = torch.tensor([4, 7, 3]), torch.tensor([0, 4, 5, 9])
    bias = POSITIONS["alibi"](7, heads).bias(query, key)
    distances = torch.tensor([[4, 0, 1, 5], [7, 3, 2, 2], [3, 1, 2, 6]])
    wanted = torch.stack([-(2.0**-exponent) * distances for exponent in exponents])
    torch.testing.assert_close(bias, wanted, rtol=1e-6, atol=0)


def papers_bucket(ahead, bidirectional, buckets, max_distance):
    """T5's rule in whole numbers: how many edges e (D/e)^(m/L) of the wide buckets a distance has reached."""
    bucket, distance = 0, max(-ahead, 0)
    if bidirectional:
        buckets //= 2
        bucket, distance = buckets * (ahead > 0), abs(ahead)
    exact = buckets // 2
    if distance < exact:
        return bucket + distance
    wide = buckets - exact
    reached = [m for m in range(1, wide) if distance**wide * exact**m >= max_distance**m * exact**wide]
    return bucket + exact + len(reached)


@pytest.mark.parametrize(("buckets", "max_distance"), [(32, 128), (8, 10), (16, 1000), (4, 64)])
@pytest.mark.parametrize("causal", [True, False])
def test_t5_buckets_are_the_papers(causal, buckets, max_distance):
    scheme = POSITIONS["t5"](7, 2, causal, buckets=buckets, max_distance=max_distance)
    ahead = torch.arange(-1200, 1201)
    wanted = [papers_bucket(n, not causal, buckets, max_distance) for n in ahead.tolist()]
    assert scheme.bucket(ahead[None])[0].tolist() == wanted
    assert set(wanted) <= set(range(buckets))


@pytest.mark.parametrize(
    ("causal", "ahead", "bucket"),
    [
        *[(True, -n, b) for n, b in {0: 0, 1: 1, 15: 15, 16: 16, 20: 17, 32: 21, 64: 26, 127: 31, 128: 31}.items()],
        *[(True, n, 0) for n in (1, 50)],
        *[(False, -n, b) for n, b in {0: 0, 7: 7, 8: 8, 11: 8, 12: 9, 16: 10, 32: 12, 64: 14, 999: 15}.items()],
        *[(False, n, 16 + b) for n, b in {1: 1, 7: 7, 8: 8, 12: 9, 16: 10, 127: 15, 128: 15}.items()],
    ],
)
def test_t5_buckets_by_hand(causal, ahead, bucket):
    assert POSITIONS["t5"](7, 2, causal).bucket(torch.tensor([[ahead]])).item() == bucket


@pytest.mark.reference("position", "t5")
@pytest.mark.parametrize("causal", [True, False])
def test_t5_adds_its_parameter_and_learns_it(causal):
    scheme = POSITIONS["t5"](7, 3, causal).double()
    query, key = torch.tensor([4, 70]), torch.tensor([0, 4, 5, 200])
    bias = scheme.bias(query, key)
    for i, q in enumerate(query.tolist()):
        for j, k in enumerate(key.tolist()):
            assert torch.equal(bias[:, i, j], scheme.b[papers_bucket(k - q, not causal, 32, 128)])
    bias.sum().backward()
    assert scheme.b.grad.sum().item() == 3 * 2 * 4


@pytest.mark.parametrize("wrong", [{"buckets": 1}, {"buckets": 5}, {"max_distance": 8}])
def test_t5_refuses_numbers_that_leave_a_bucket_empty(wrong):
    with pytest.raises(ValueError, match="must be"):
        POSITIONS["t5"](7, 2, False, **wrong)


def test_rotary_refuses_a_base_that_is_not_above_zero():
    with pytest.raises(ValueError, match="base must be above 0"):
        POSITIONS["rotary"](7, base=0.0)
