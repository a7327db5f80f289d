"""x = x + module(LN(x));  x = x + FFN(LN(x)): any torch module by its dotted path, in the mixers' block

For layers of other libraries: `external: {module: my_package.layers.MyMixer, arguments: {dim: width}}` competes
without a line of code here. The module maps (batch, length, width) to the same shape and is initialised as its
library has it; where it returns a tuple, the first member counts.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import suggestion

from .mixer_model import PreNormModel
from .model import MODELS

DEFAULT = "torch.nn.GRU"
RECURRENT = {"input_size": "width", "hidden_size": "width", "batch_first": True}
B, N, CUT = 3, 7, 4


@MODELS.register("external")
class External(PreNormModel):
    """In `arguments` the string "width" stands for the width; torch's recurrent networks need no arguments.

    It cannot decode: how a stranger's module carries its state is not known.
    """

    complexity = "the module's own"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        module: str = DEFAULT,
        arguments: dict[str, Any] | None = None,
        layers: int = 1,
        expansion: float = 4.0,
    ) -> None:
        kind = resolve(module)
        if arguments is None:
            arguments = dict(RECURRENT) if issubclass(kind, nn.RNNBase) else {}

        def construct() -> nn.Module:
            try:
                return First(kind(**_filled(arguments, width)))
            except Exception as error:
                raise ValueError(f"{module} cannot be constructed with {arguments}: {error}") from error

        super().__init__(width, construct, causal=causal, layers=layers, expansion=expansion)
        _verify(self.blocks[0].get_submodule("mixer"), module, width, causal)

    @classmethod
    def depends_on(cls, settings: Mapping[str, Any]) -> tuple[type, ...]:
        """Return the classes whose sources these settings bring in."""
        return (resolve(settings.get("module", DEFAULT)),)


class First(nn.Module):
    """The module, with the first member alone of a tuple that it returns."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    # Not typed as a tensor: what a stranger returns is for `_verify` to judge, and to tell in a sentence.
    def forward(self, x: Float[Tensor, "b n d"]) -> Any:
        output = self.module(x)
        return output[0] if isinstance(output, tuple) else output


def resolve(path: str) -> type[nn.Module]:
    """Return the class of torch modules at a dotted path. Raises ValueError where there is none."""
    package, _, name = path.rpartition(".")
    if not package:
        raise ValueError(f"'{path}' is no dotted path of a module, such as {DEFAULT}")
    try:
        found = importlib.import_module(package)
    except Exception as error:
        raise ValueError(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(found, name):
        modules = [key for key, value in vars(found).items() if _is_module(value)]
        raise ValueError(f"{path} cannot be imported: {package} has no '{name}'.{_hint(name, modules)}")
    kind: Any = getattr(found, name)
    if not _is_module(kind):
        raise ValueError(f"{path} is no subclass of torch.nn.Module")
    resolved: type[nn.Module] = kind
    return resolved


def _is_module(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _hint(name: str, choices: list[str]) -> str:
    hint = suggestion(name, choices)
    return hint if len(hint) < 200 else ""


def _filled(value: Any, width: int) -> Any:
    """Return the arguments with the width in its place, however deep."""
    if isinstance(value, Mapping):
        return {key: _filled(member, width) for key, member in value.items()}
    if isinstance(value, list):
        return [_filled(member, width) for member in value]
    return width if value == "width" else value


def _verify(mixer: nn.Module, path: str, width: int, causal: bool) -> None:
    """Raise ValueError where shapes change, a row sees another, or (`causal`) a position sees a later one."""
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
        raise ValueError(f"{path} maps the shape {tuple(x.shape)} to {got}, and must keep (batch, length, width)")
    if _differ(_outputs(mixer, path, row)[::2], output[::2]):
        raise ValueError(f"{path} mixes the rows of a batch: does it want the length first (batch_first=False)?")
    if causal and _differ(_outputs(mixer, path, later)[:, :CUT], output[:, :CUT]):
        raise ValueError(f"{path} looks ahead: an earlier output changes with a later input (causal=True)")


def _outputs(mixer: nn.Module, path: str, x: Tensor) -> Any:
    """Call it as in evaluation, leaving its mode and the global random state as they were."""
    training = {part: part.training for part in mixer.modules()}
    mixer.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return mixer(x)
    except Exception as error:
        raise ValueError(f"{path} cannot be called with one tensor (batch, length, width): {error}") from error
    finally:
        for part, mode in training.items():
            part.training = mode


def _differ(a: Tensor, b: Tensor) -> bool:
    return not torch.allclose(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))
