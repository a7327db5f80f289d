"""Modules of other libraries: imported by their dotted path, constructed, called and checked."""

import importlib
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import SpecError, suggestion

Call: TypeAlias = list[Any] | dict[str, Any]
"""The arguments of a call, in order or by name; the word "x" in them is replaced by the sequence."""

B, N, CUT = 3, 7, 4
"""The batch and the length of the test input of `verify`, and the first position that it changes."""


class ExternalModule(nn.Module):
    """Calls a module with the arguments that the settings give. If it returns a tuple, the first member is used."""

    def __init__(self, module: nn.Module, call: Call | None = None) -> None:
        super().__init__()
        self.module = module
        self.call = ["x"] if call is None else call

    # Not typed as a tensor, because `verify` reports in a sentence if the module returns something else.
    def forward(self, x: Float[Tensor, "b n d"]) -> Any:
        call = replaced(self.call, "x", x)
        output = self.module(**call) if isinstance(call, dict) else self.module(*call)
        return output[0] if isinstance(output, tuple) else output


def find_class(path: str, base: type = object) -> type[Any]:
    """Return the subclass of `base` at a dotted path.

    Raises SpecError if the name does not exist, ValueError if it cannot be imported or is no such class.
    """
    package, _, name = path.rpartition(".")
    if not package:
        raise SpecError(f"'{path}' is not the dotted path of a class, such as torch.nn.GRU")
    try:
        found = importlib.import_module(package)
    except Exception as error:
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(found, name):
        hint = suggestion(name, [key for key, value in vars(found).items() if _is_class(value, base)])
        # A long list of the classes would hide the mistake.
        raise SpecError(f"{path} cannot be imported: {package} has no '{name}'.{hint if len(hint) < 200 else ''}")
    value: Any = getattr(found, name)
    if not _is_class(value, base):
        raise ValueError(f"{path} is not a {'subclass of torch.nn.Module' if base is nn.Module else 'class'}")
    return value  # type: ignore[no-any-return]


def _is_class(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def replaced(value: Any, word: str, by: Any) -> Any:
    """Return the value with every `word` in it replaced by `by`, at any depth."""
    if isinstance(value, Mapping):
        return {key: replaced(member, word, by) for key, member in value.items()}
    if isinstance(value, list):
        return [replaced(member, word, by) for member in value]
    return by if isinstance(value, str) and value == word else value


def construct(path: str, *positional: Any, arguments: Mapping[str, Any], width: int) -> Any:
    """Construct an object of the class at a dotted path. Raises ValueError if that fails.

    The word "width" in the arguments is replaced by the width.
    """
    found = find_class(path)
    try:
        return found(*positional, **replaced(arguments, "width", width))
    except Exception as error:
        raise ValueError(f"{path} cannot be constructed with {dict(arguments)}: {_first_line(error)}") from error


def verify(mixer: ExternalModule, path: str, width: int, causal: bool) -> None:
    """Raise ValueError if the shape changes, an example sees another one, or (`causal`) a position sees a later one."""
    some = next(iter(mixer.parameters()), torch.zeros(0, device="cpu"))
    if some.is_meta:
        return
    generator = torch.Generator().manual_seed(0)
    x, other = (torch.randn(B, N, width, generator=generator, device="cpu").to(some) for _ in range(2))
    later, row = x.clone(), x.clone()
    later[:, CUT:], row[1] = other[:, CUT:], other[1]
    output = _outputs(mixer, path, x)
    if not isinstance(output, Tensor) or output.shape != x.shape:
        got = f"the shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(f"{path} maps the shape {tuple(x.shape)} to {got}; it must keep (batch, length, width)")
    if _differ(_outputs(mixer, path, row)[::2], output[::2]):
        raise ValueError(f"{path} mixes the examples of a batch: does the length come first (batch_first=False)?")
    if causal and _differ(_outputs(mixer, path, later)[:, :CUT], output[:, :CUT]):
        raise ValueError(
            f"{path} is not causal: an earlier output changes with a later input, which only the setting "
            "`causal: false` allows"
        )


def _outputs(mixer: ExternalModule, path: str, x: Tensor) -> Any:
    """Call the module in evaluation mode; its mode and the global random state are restored afterwards."""
    training = {part: part.training for part in mixer.modules()}
    mixer.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return mixer(x)
    except Exception as error:
        called = "one tensor (batch, length, width)" if mixer.call == ["x"] else str(mixer.call)
        raise ValueError(f"{path} cannot be called with {called}: {_first_line(error)}") from error
    finally:
        for part, mode in training.items():
            part.training = mode


def _differ(a: Tensor, b: Tensor) -> bool:
    return not torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
