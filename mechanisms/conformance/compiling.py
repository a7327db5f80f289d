"""That torch.compile takes a module whole: shared by the checks of every kind."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jaxtyping
import torch
from torch import Tensor, nn

from registry import CheckError

from .expect import expect, expect_equal


def compiles(function: Callable[..., Any], *inputs: Any) -> None:
    """Raise CheckError unless compiled without a graph break it gives what it gives uncompiled, gradients included.

    `function` is a module, a module's method or a plain function; floating-point inputs are in float64. It is called
    once uncompiled and once compiled, so what it keeps between calls must not matter.
    """
    wanted = _outputs_and_gradients(function, inputs)
    with _fresh_compiler():
        try:
            compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
            got = _outputs_and_gradients(compiled, inputs, _parameters(function))
        except torch._dynamo.exc.TorchDynamoException as error:
            first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise CheckError(
                f"torch.compile(fullgraph=True) stops: {first.strip()}. Is the value of a tensor read in Python "
                "(.item(), `if tensor`, int(tensor)), or an object made that it cannot trace? Where that is meant, "
                "leave `compiles` False"
            ) from error
    expect(len(got) == len(wanted), f"compiled it returns {len(got)} tensors, uncompiled {len(wanted)}")
    for one, other in zip(got, wanted, strict=True):
        expect_equal(
            one,
            other,
            "compiled it gives another output or gradient than uncompiled: does it keep something between calls?",
        )


def _outputs_and_gradients(
    function: Callable[..., Any], inputs: tuple[Any, ...], parameters: list[nn.Parameter] | None = None
) -> list[Tensor]:
    inputs = tuple(_leaf(x) for x in inputs)
    outputs = list(_tensors(function(*inputs)))
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    leaves += _parameters(function) if parameters is None else parameters
    loss = sum((_weighted_sum(x) for x in outputs if x.is_floating_point()), torch.zeros((), dtype=torch.float64))
    if not leaves or not loss.requires_grad:
        return outputs
    return outputs + list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True))


def _weighted_sum(x: Tensor) -> Tensor:
    """Return a number in which every element has a part of its own."""
    return (x * torch.linspace(0.5, 1.5, x.numel(), dtype=x.dtype, device=x.device).view_as(x)).sum()


def _leaf(x: Any) -> Any:
    return x.detach().clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x


def _parameters(function: Callable[..., Any]) -> list[nn.Parameter]:
    owner = getattr(function, "__self__", function)
    return [p for p in owner.parameters() if p.requires_grad] if isinstance(owner, nn.Module) else []


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)


@contextmanager
def _fresh_compiler() -> Iterator[None]:
    """Compile as if nothing had been compiled before, and without the shape checks that tests wrap functions in."""
    checked = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    torch._dynamo.reset()
    try:
        with warnings.catch_warnings():
            # Dynamo makes an instance of torch.autograd.Function itself, and torch warns against just that.
            warnings.filterwarnings("ignore", ".*should not be instantiated", DeprecationWarning)
            yield
    finally:
        torch._dynamo.reset()
        jaxtyping.config.update("jaxtyping_disable", checked)
