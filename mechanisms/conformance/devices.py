"""The tensors of a plug-in are on the device of its inputs: checks that every kind shares."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from registry import CheckError

from .expect import expect, shape

ADVICE = (
    "is a tensor made inside without `device=x.device`, or kept in an attribute that is neither parameter nor buffer?"
)


def constructs_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Return the module built on "meta", where tensors have shapes but no numbers. CheckError if that fails."""
    try:
        with torch.device("meta"):
            return build()
    except (NotImplementedError, RuntimeError) as error:
        raise CheckError(
            f'it cannot be built under torch.device("meta"): {_first_line(error)}. Does the constructor read the '
            'numbers in a tensor? Make that one with device="cpu"'
        ) from error


def runs_on_meta(function: Callable[..., Any], *inputs: Any) -> None:
    """Raise CheckError if a tensor on the CPU is combined with the inputs, which are on "meta": a GPU would raise too.

    A function that reads numbers cannot run there, so nothing is found out about it.
    """
    try:
        function(*(x.to("meta") if isinstance(x, Tensor) else x for x in inputs))
    except (NotImplementedError, RuntimeError) as error:
        if "cpu" in str(error) and "device" in str(error):
            raise CheckError(f"it would not run on another device: {_first_line(error)}; {ADVICE}") from error


def accelerators() -> list[torch.device]:
    return [torch.device("cuda")] if torch.cuda.is_available() else []


def expect_same(got: Tensor, wanted: Tensor, device: torch.device) -> None:
    """Expect what the CPU gives, up to the rounding of float32, because devices round differently."""
    expect(got.device.type == device.type, f"given inputs on {device}, it returns a tensor on {got.device}: {ADVICE}")
    expect(got.shape == wanted.shape, f"shape {shape(got)} on {device}, {shape(wanted)} on the CPU: {ADVICE}")
    same = torch.allclose(got.cpu(), wanted, rtol=1e-5, atol=1e-6)
    expect(same, f"on {device} it gives other numbers than on the CPU: {ADVICE}")


def follows_device(build: Callable[[], nn.Module], *given: Tensor) -> None:
    """Expect that what `build` returns can be built on and moved to any device, and gives the same as on the CPU."""
    constructs_on_meta(build)
    # Moved, because a tensor that is not a buffer would be on the right device if the module were built there.
    runs_on_meta(build().to("meta"), *given)
    for device in accelerators():
        module = build()
        wanted = _listed(module(*given))
        for got, one in zip(_listed(module.to(device)(*(x.to(device) for x in given))), wanted, strict=True):
            expect_same(got, one, device)


def _listed(output: Any) -> list[Tensor]:
    return [output] if isinstance(output, Tensor) else list(output)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
