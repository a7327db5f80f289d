import torch

from mechanisms import NORMALIZERS


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


def test_a_blind_row_is_zero_and_so_is_its_gradient():
    scores = torch.randn(1, 1, 2, 3, requires_grad=True)
    mask = torch.tensor([[False] * 3, [True] * 3])[None, None]
    weights = NORMALIZERS["softmax"]()(scores, mask)
    (weights * torch.randn_like(weights)).sum().backward()
    assert not weights[0, 0, 0].any()
    assert not scores.grad[0, 0, 0].any()
    assert scores.grad[0, 0, 1].all()


def test_scores_near_the_largest_number_stay_finite():
    weights = NORMALIZERS["softmax"]()(
        torch.tensor([[[[3e38, -3e38, 0.0]]]]), torch.tensor([True, True, False])[None, None, None]
    )
    torch.testing.assert_close(weights, torch.tensor([[[[1.0, 0.0, 0.0]]]]))
