"""Whether torch.compile takes a module whole, without a graph break: the check that every kind of mechanism shares."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from .expect import expect, expect_equal, seeded, without_shape_checks

WHOLE = "torch.compile takes it whole"
STOPS = "torch.compile does not take it whole"

RECURRENT = "torch.compile does not trace torch's recurrent networks"
BUILT_IN_STOPS: Mapping[str, Mapping[str, str]] = {
    "normalizer": {"hard": "it makes a torch.Generator in each training step"},
    "model": {
        "external": f"its default module is torch.nn.GRU, and {RECURRENT}",
        **dict.fromkeys(("gru", "lstm", "rnn", "rnn_attention", "rnn_encoder_decoder"), RECURRENT),
    },
}
"""The built-in classes that torch.compile does not take whole, by kind and name, with the reason.

The check finds them, and a test compares this list with what it finds. It is kept here because `info` and the page of
all mechanisms show it, and compiling everything takes minutes.
"""


def compile_whole(module: nn.Module, *calls: tuple[Any, ...]) -> str:
    """Call a compiled copy of the module with the arguments of each call, and return what torch.compile did.

    Raises CheckError if a compiled copy gives other outputs or gradients than one that is not compiled. Tensors of
    floating-point numbers are in float64.
    """
    for inputs in calls:
        copied = copy.deepcopy(module)
        wanted = _outputs_and_gradients(copied, copied, inputs)
        with _fresh_compiler():
            copied = copy.deepcopy(module)
            compiled = torch.compile(copied, fullgraph=True, backend="aot_eager")
            try:
                got = _outputs_and_gradients(copied, compiled, inputs)
            except Exception as error:
                return f"{STOPS}: {_reason(error)}"
        _expect_same(got, wanted)
    return WHOLE


def _expect_same(got: list[Tensor], wanted: list[Tensor]) -> None:
    expect(len(got) == len(wanted), f"compiled it returns {len(got)} tensors, uncompiled {len(wanted)}")
    for one, other in zip(got, wanted, strict=True):
        expect_equal(
            one,
            other,
            "compiled it gives another output or gradient than uncompiled: does it keep something between calls, or "
            "ask whether it is being compiled?",
        )


def _outputs_and_gradients(owner: nn.Module, function: Any, inputs: tuple[Any, ...]) -> list[Tensor]:
    """Return the outputs of a call and the gradients of the inputs and of the owner's parameters."""
    inputs = tuple(_leaf(x) for x in inputs)
    # Dropout in training mode draws the same numbers in each call.
    with seeded():
        outputs = list(_tensors(function(*inputs)))
    leaves = [x for x in inputs if isinstance(x, Tensor) and x.requires_grad]
    leaves += [p for p in owner.parameters() if p.requires_grad]
    loss = sum((_weighted_sum(x) for x in outputs if x.is_floating_point()), torch.zeros((), dtype=torch.float64))
    if not leaves or not loss.requires_grad:
        return outputs
    return outputs + list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True))


def _weighted_sum(x: Tensor) -> Tensor:
    """Return a number that depends on every element, with a different weight for each."""
    return (x * torch.linspace(0.5, 1.5, x.numel(), dtype=x.dtype, device=x.device).view_as(x)).sum()


def _leaf(x: Any) -> Any:
    return x.detach().clone().requires_grad_() if isinstance(x, Tensor) and x.is_floating_point() else x


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _tensors(each)


def _reason(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


@contextmanager
def _fresh_compiler() -> Iterator[None]:
    """Compile as if nothing had been compiled before."""
    torch._dynamo.reset()
    try:
        with without_shape_checks(), warnings.catch_warnings():
            # Dynamo makes an instance of torch.autograd.Function itself, and torch warns against that.
            warnings.filterwarnings("ignore", ".*should not be instantiated", DeprecationWarning)
            yield
    finally:
        torch._dynamo.reset()
