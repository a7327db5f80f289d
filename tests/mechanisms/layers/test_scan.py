"""The scans against a loop, values and gradients."""

import pytest
import torch
from torch import nn

from mechanisms.layers import selective_scan as selective
from mechanisms.layers.scan import linear_scan
from mechanisms.layers.selective_scan import selective_scan
from mechanisms.layers.short_convolution import ShortConvolution

LENGTHS = (1, 2, 3, 5, 16, 17, 61, 131)


def loop(a, b, initial):
    h, states = initial, []
    for t in range(a.shape[1]):
        h = a[:, t] * h + b[:, t]
        states.append(h)
    return torch.stack(states, 1)


def assert_same(got, wanted, leaves):
    torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    direction = torch.randn_like(got)
    pair = [torch.autograd.grad((x * direction).sum(), leaves, retain_graph=True) for x in (got, wanted)]
    for a, b in zip(*pair, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


def leaf(*shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.float64).uniform_(low, high).requires_grad_()


def test_by_hand():
    a, b = torch.tensor([[0.5, 0.0, 2.0]]), torch.tensor([[1.0, 2.0, 3.0]])
    assert linear_scan(a, b).tolist() == [[1, 2, 7]]
    assert linear_scan(a, b, torch.tensor([4.0])).tolist() == [[3, 2, 7]]


@pytest.mark.parametrize("channels", [(), (3,), (2, 3)])
@pytest.mark.parametrize("n", LENGTHS)
def test_scan_is_the_loop(n, channels):
    a, b, initial = leaf(2, n, *channels), leaf(2, n, *channels), leaf(2, *channels)
    assert_same(linear_scan(a, b, initial), loop(a, b, initial), [a, b, initial])
    assert_same(linear_scan(a, b), loop(a, b, torch.zeros_like(initial)), [a, b])


@pytest.mark.parametrize("n", [0, 1, 5, 11])
def test_scan_by_finite_differences(n):
    assert torch.autograd.gradcheck(linear_scan, (leaf(2, n, 3), leaf(2, n, 3), leaf(2, 3)))


def test_an_empty_scan():
    a, b, initial = leaf(2, 0, 3), leaf(2, 0, 3), leaf(2, 3)
    states = linear_scan(a, b, initial)
    assert states.shape == (2, 0, 3)
    assert not any(part.any() for part in torch.autograd.grad(states.sum(), [a, b, initial]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_and_extreme_decays_are_exact(dtype):
    n = 131
    a = torch.cat([leaf(1, n, 1).detach(), torch.zeros(1, n, 1), torch.ones(1, n, 1), torch.full((1, n, 1), 1e-30)], 2)
    a = a.to(dtype)
    a[:, 40:50] = 0
    b = torch.randn(1, n, 4, dtype=dtype)
    got, wanted = linear_scan(a, b), loop(a.double(), b.double(), torch.zeros(1, 4, dtype=torch.float64))
    rounding = 1e-12 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(got.double(), wanted, rtol=rounding, atol=rounding)
    assert torch.equal(got[..., 1], b[..., 1])
    assert torch.equal(got[:, 40], b[:, 40])


def selective_loop(delta, w, a, b, c):
    h, outputs = torch.zeros(delta.shape[0], *a.shape, dtype=torch.float64), []
    for t in range(delta.shape[1]):
        h = (delta[:, t, None] * a).exp() * h + b[:, t, :, None] * w[:, t, None]
        outputs.append((c[:, t, :, None] * h).sum(1))
    return torch.stack(outputs, 1)


def test_selective_scan_by_hand():
    one = torch.ones(1, 3, 1)
    y, last = selective_scan(one * 0.5, one, torch.tensor([[2 * -0.6931471805599453]]), one, one)
    torch.testing.assert_close(y.flatten(), torch.tensor([1.0, 1.5, 1.75]))
    torch.testing.assert_close(last.flatten(), torch.tensor([1.75]))


@pytest.mark.parametrize("segment", [1, 7, 32])
@pytest.mark.parametrize("n", [1, 5, 61, 71])
def test_selective_scan_is_the_loop_in_segments(n, segment, monkeypatch):
    monkeypatch.setattr(selective, "SEGMENT", segment)
    monkeypatch.setattr(selective, "SEGMENT_NUMBERS", 1)
    leaves = [leaf(2, n, 3, low=0), leaf(2, n, 3), leaf(5, 3, low=-2, high=0), leaf(2, n, 5), leaf(2, n, 5)]
    assert_same(selective_scan(*leaves)[0], selective_loop(*leaves), leaves)


def test_selective_scan_by_finite_differences(monkeypatch):
    monkeypatch.setattr(selective, "SEGMENT", 4)
    monkeypatch.setattr(selective, "SEGMENT_NUMBERS", 1)
    leaves = (leaf(1, 7, 2, low=0), leaf(1, 7, 2), leaf(3, 2, low=-2, high=0), leaf(1, 7, 3), leaf(1, 7, 3))
    assert torch.autograd.gradcheck(lambda *parts: selective_scan(*parts)[0], leaves)


def test_selective_scan_keeps_no_states(monkeypatch):
    saved = []
    monkeypatch.setattr(selective, "SEGMENT_NUMBERS", 1)
    leaves = [leaf(1, 320, 3, low=0), leaf(1, 320, 3), leaf(16, 3), leaf(1, 320, 16), leaf(1, 320, 16)]
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        selective_scan(*leaves)
    assert 320 * 3 in saved
    assert max(saved) < 320 * 3 * 16 / 2


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("n", [0, 1, 2, 11])
def test_short_convolution_is_torchs_and_its_steps(n, size):
    convolution = ShortConvolution(5, size).double()
    nn.init.normal_(convolution.bias)
    x = leaf(2, n, 5)
    y, state = convolution(x)
    assert state.shape == (2, size - 1, 5)
    if n:
        padded = nn.functional.pad(x.transpose(1, 2), (size - 1, 0))
        theirs = nn.functional.conv1d(padded, convolution.weight.t()[:, None], convolution.bias, groups=5)
        assert_same(y, theirs.transpose(1, 2), [x, *convolution.parameters()])
    more = leaf(2, 6, 5)
    wanted, _ = convolution(torch.cat([x, more], 1))
    for t in range(6):
        output, state = convolution.step(more[:, t], state)
        torch.testing.assert_close(output, wanted[:, n + t], rtol=1e-12, atol=1e-12)


def test_short_convolution_by_hand():
    convolution = ShortConvolution(1, 4, bias=False)
    convolution.weight.data = torch.tensor([[1.0], [10.0], [100.0], [1000.0]])
    y, _ = convolution(torch.tensor([[[1.0], [2.0], [3.0]]]))
    assert y.flatten().tolist() == [1000, 2100, 3210]
    with pytest.raises(ValueError, match="size of the convolution must be at least 1, not 0"):
        ShortConvolution(1, 0)
