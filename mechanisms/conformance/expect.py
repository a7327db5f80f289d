"""What the checks of every kind share: expectations that raise CheckError, and the seed under which a check runs."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import jaxtyping
import numpy
import torch
from torch import Tensor, nn

from registry import CheckError


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Seed the global generators, and restore them afterwards, so that a check gives the same result each time."""
    before = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        random.seed(seed)
        numpy.random.seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            numpy.random.set_state(before[1])


@contextmanager
def without_shape_checks() -> Iterator[None]:
    """Switch off the checks of shapes that tests add: torch.compile stops at them, and they use random numbers."""
    disabled = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", disabled)


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise CheckError(message)


def expect_equal(got: Tensor, wanted: Tensor, message: str) -> None:
    """Expect equality up to the rounding of float64. The largest difference is added to the message."""
    expect(got.shape == wanted.shape, f"{message} (shapes {tuple(got.shape)} and {tuple(wanted.shape)})")
    if not torch.allclose(got, wanted, rtol=1e-8, atol=1e-10):
        difference = (got - wanted).abs().max().item() if got.numel() else 0.0
        raise CheckError(f"{message} (largest difference {difference:.3g})")


def expect_gradients(module: nn.Module, output: Tensor) -> None:
    """Expect that the output depends on every parameter, with a finite gradient."""
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
    """Expect the gradient of finite differences. The message names what it is the gradient `of`, and the advice."""
    try:
        torch.autograd.gradcheck(function, inputs, fast_mode=True)
    except RuntimeError as error:
        first = str(error).strip().splitlines()[0]
        raise CheckError(f"the gradient is not that of the {of}: {first}. {advice}") from error


def shape(x: Tensor) -> str:
    return str(tuple(x.shape))
