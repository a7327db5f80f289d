from collections.abc import Mapping
from typing import Any

from torch import nn

from registry import Settings

from ..layers.external_module import Call, ExternalModule, construct, find_class, verify
from .mixer_model import PreNormModel
from .model import MODELS

DEFAULT = "torch.nn.GRU"
RECURRENT = {"input_size": "width", "hidden_size": "width", "batch_first": True}


@MODELS.register("external")
class External(PreNormModel):
    """x = x + module(LN(x));  x = x + FFN(LN(x)): any torch module by its dotted path, in the block of the other mixers

    It is for layers of other libraries. The module maps (batch, length, width) to the same shape and is initialised as
    its library does it; if it returns a tuple, the first member is used. The model cannot decode.

    `arguments` are those of the module's constructor; the word "width" in them is replaced by the width. Torch's
    recurrent networks need none:

        external: {module: torch.nn.Linear, arguments: {in_features: width, out_features: width}}

    `config` is an object that the constructor takes first:

        external: {module: a_library.Mixer, config: {a_library.Config: {hidden_size: width}}}

    `call` are the arguments of a call, in order or by name; the word "x" in them is replaced by the sequence. Without
    it the module is called with the sequence alone:

        external: {module: torch.nn.MultiheadAttention, arguments: {embed_dim: width, num_heads: 2, batch_first: true},
                   call: {query: x, key: x, value: x, need_weights: false}, causal: false}

    `causal: false` allows a module that is not causal. Like transformer_encoder, the model then cannot run on a task
    whose later queries contain the answers.

    Source: the library of the module.
    """

    also_set = ("causal",)
    family = "external module"
    complexity = "the module's own"

    def __init__(
        self,
        width: int,
        *,
        causal: bool = True,
        module: str = DEFAULT,
        arguments: dict[str, Any] | None = None,
        config: dict[str, dict[str, Any] | None] | None = None,
        call: Call | None = None,
        layers: int = 1,
        expansion: float = 4.0,
    ) -> None:
        module_class, configuration = find_class(module, nn.Module), _config(module, config)
        if arguments is None:
            arguments = RECURRENT if issubclass(module_class, nn.RNNBase) else {}

        def mixer() -> ExternalModule:
            given = [construct(path, arguments=own, width=width) for path, own in configuration]
            return ExternalModule(construct(module, *given, arguments=arguments, width=width), call)

        super().__init__(width, mixer, causal=causal, layers=layers, expansion=expansion)
        self.bidirectional = not causal
        first = next(part for part in self.modules() if isinstance(part, ExternalModule))
        verify(first, module, width, causal)

    @classmethod
    def sees_all(cls, settings: Settings) -> bool:
        return not settings.get("causal", True)

    @classmethod
    def depends_on(cls, settings: Settings) -> tuple[type, ...]:
        """Return the class of the module, and that of its configuration."""
        module = settings.get("module", DEFAULT)
        configuration = _config(module, settings.get("config"))
        return (find_class(module, nn.Module), *(find_class(path) for path, _ in configuration))


def _config(module: str, config: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the path of the class of the configuration and its arguments, if there is one."""
    if config is None:
        return []
    if len(config) != 1:
        raise ValueError(
            f"{module}: config is one class with its arguments, {{dotted.path.Config: {{argument: value}}}}"
        )
    return [(path, arguments or {}) for path, arguments in config.items()]
