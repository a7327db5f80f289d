"""The streamed path gives the same as the plain one, also with replaced parameters and under torch.compile."""

import subprocess
import sys

import pytest
import torch
from torch.func import functional_call

from mechanisms import ALIGNMENTS, CAUSAL, NORMALIZERS, POSITIONS, Attention, sliding
from mechanisms.conformance.compiling import WHOLE, compile_whole
from runner.plugins import ROOT

B, H, Q, K, D = 2, 3, 5, 7, 11


class Attending(torch.nn.Module):
    """Projects the keys and attends, with blocks of two queries at most if `streamed`."""

    def __init__(self, choice, position, mask, streamed):
        super().__init__()
        scheme = None if position is None else POSITIONS.build(position, H * D, H, True)
        self.attention = Attention(ALIGNMENTS.build(choice, H, D, D), NORMALIZERS["softmax"](), scheme)
        self.mask = mask
        if streamed:
            self.attention.plain_bytes, self.attention.block_bytes = 0, 2 * B * H * K * D * 8

    def forward(self, query, key, value):
        return self.attention(query, self.attention.project_keys(key), value, self.mask)


def built(choice, position=None, mask=CAUSAL):
    """Return the same module twice: streamed, and with all scores in memory."""
    streamed, plain = (Attending(choice, position, mask, streaming).double() for streaming in (True, False))
    plain.load_state_dict(streamed.state_dict())
    return streamed, plain


def inputs():
    return tuple(torch.randn(B, H, n, D, dtype=torch.float64, requires_grad=True) for n in (Q, K, K))


def gradients(module, replaced, given):
    """Return the context vectors with the replaced parameters, and the gradients of these and of the inputs."""
    tensors = {name: x.detach().clone().requires_grad_() for name, x in replaced.items()}
    # Twice the tensor is no leaf, as in a step of meta-learning.
    context = functional_call(module, {name: 2 * x for name, x in tensors.items()}, given)
    direction = torch.linspace(-1, 1, context.numel(), dtype=context.dtype).view_as(context)
    return context, *torch.autograd.grad((context * direction).sum(), [*given, *tensors.values()])


CHOICES = [("additive", None), ("concat", None), ("dot", {"t5": {"buckets": 4}})]


@pytest.mark.parametrize(("choice", "position"), CHOICES, ids=str)
def test_replaced_parameters_get_their_gradients(choice, position):
    streamed, plain = built(choice, position)
    given = inputs()
    replaced = {name: torch.randn_like(x) for name, x in streamed.named_parameters()}
    for got, wanted in zip(gradients(streamed, replaced, given), gradients(plain, replaced, given), strict=True):
        assert wanted.any()
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)
    assert streamed.attention.path == "streamed"
    assert plain.attention.path == "plain"


def test_a_replaced_buffer_is_used_in_the_backward_pass_too():
    class Weighted(ALIGNMENTS["additive"]):
        def __init__(self, *sizes):
            super().__init__(*sizes)
            self.register_buffer("strength", torch.ones(()))

        def score(self, query, key):
            return super().score(self.strength * query, key)

    streamed, plain = built(Weighted)
    given, replaced = inputs(), {"attention.alignment.strength": torch.tensor(3.0, dtype=torch.float64)}
    for got, wanted in zip(gradients(streamed, replaced, given), gradients(plain, replaced, given), strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_training_compiles_whole_and_gives_the_same():
    """In a process of its own: torch.compile stops at the checks of shapes that tests add."""
    code = f"from {__name__} import compare_compiled; compare_compiled()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [WHOLE] * 4


def compare_compiled():
    """Print what torch.compile did; `compile_whole` raises if outputs or gradients are not those without compiling."""
    for choice, position in (CHOICES[0], CHOICES[2]):
        for mask in (CAUSAL, sliding(3)):
            streamed, plain = built(choice, position, mask)
            given = inputs()
            print(compile_whole(streamed, given))
            torch.testing.assert_close(streamed(*given), plain(*given), rtol=1e-10, atol=1e-12)
            assert streamed.attention.path == "streamed"
