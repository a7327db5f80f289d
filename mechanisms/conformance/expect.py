"""How a check reports, and what the checks share."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from registry import Check, CheckError, Result


def run(check: Check, value: type) -> Result:
    """Run one check under a seed of its own, leaving the global random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            check(value)
        except CheckError as failure:
            return Result(check.__name__, False, str(failure))
        except Exception as error:
            return Result(check.__name__, False, f"it raised {type(error).__name__}: {error}")
    return Result(check.__name__, True)


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise CheckError(message)


def expect_equal(got: Tensor, wanted: Tensor, message: str) -> None:
    """Expect equality to the rounding of float64; the message is followed by the largest difference."""
    expect(got.shape == wanted.shape, f"{message} (shapes {tuple(got.shape)} and {tuple(wanted.shape)})")
    if not torch.allclose(got, wanted, rtol=1e-8, atol=1e-10):
        difference = (got - wanted).abs().max().item() if got.numel() else 0.0
        raise CheckError(f"{message} (largest difference {difference:.3g})")


def expect_gradients(module: nn.Module, output: Tensor) -> None:
    """Expect that every parameter has a part in the output."""
    parameters = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not parameters:
        return
    loss = (output * torch.randn_like(output)).sum()
    gradients: Sequence[Tensor | None] = [None] * len(parameters)
    if loss.requires_grad:
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    for name, gradient in zip(parameters, gradients, strict=True):
        if gradient is None or not bool(gradient.count_nonzero()):
            raise CheckError(
                f"parameter '{name}' gets no gradient, so it would never learn: is it left out of the computation "
                "or detached, or does it cancel (as a constant added to every score does under softmax)?"
            )
        expect(bool(gradient.isfinite().all()), f"the gradient of parameter '{name}' is not finite")


def expect_exact_gradient(function: Callable[..., Tensor], inputs: Sequence[Tensor], of: str, advice: str) -> None:
    """Expect the gradient that finite differences give; the message tells what it is `of`, and the advice."""
    try:
        torch.autograd.gradcheck(function, inputs, fast_mode=True)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise CheckError(f"the gradient is not that of the {of}: {first}. {advice}") from error


def shape(x: Tensor) -> str:
    return str(tuple(x.shape))
