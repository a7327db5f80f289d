"""x = x + module(LN(x));  x = x + FFN(LN(x)): any torch module by its dotted path, in the mixers' block

For layers of other libraries: `external: {module: my_package.layers.MyMixer, arguments: {dim: width}}` competes
without a line of code here. The module maps (batch, length, width) to the same shape and is initialised as its
library has it; where it returns a tuple, the first member counts.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from registry import Settings

from ..layers.foreign import Call, Foreign, construct, find_class, verify
from .mixer_model import PreNormModel
from .model import MODELS

DEFAULT = "torch.nn.GRU"
RECURRENT = {"input_size": "width", "hidden_size": "width", "batch_first": True}


@MODELS.register("external")
class External(PreNormModel):
    """A module of another library, constructed and called as the settings say. It cannot decode.

    `arguments` are those of its constructor; the word "width" in them stands for the width. Torch's recurrent networks
    need none:

        external: {module: torch.nn.Linear, arguments: {in_features: width, out_features: width}}

    `config` is an object that its constructor takes first:

        external: {module: a_library.Mixer, config: {a_library.Config: {hidden_size: width}}}

    `call` are the arguments of a call, in order or by name; the word "x" in them stands for the sequence. Without it
    the module is called with the sequence alone:

        external: {module: torch.nn.MultiheadAttention, arguments: {embed_dim: width, num_heads: 2, batch_first: true},
                   call: {query: x, key: x, value: x, need_weights: false}, causal: false}

    `causal: false` admits a module that looks ahead. As transformer_encoder it cannot face a task whose later queries
    give answers away.
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
        kind, configuration = find_class(module, nn.Module), _config(module, config)
        if arguments is None:
            arguments = RECURRENT if issubclass(kind, nn.RNNBase) else {}

        def mixer() -> Foreign:
            given = [construct(path, arguments=own, width=width) for path, own in configuration]
            return Foreign(construct(module, *given, arguments=arguments, width=width), call)

        super().__init__(width, mixer, causal=causal, layers=layers, expansion=expansion)
        self.bidirectional = not causal
        first = next(part for part in self.modules() if isinstance(part, Foreign))
        verify(first, module, width, causal)

    @classmethod
    def sees_all(cls, settings: Settings) -> bool:
        return not settings.get("causal", True)

    @classmethod
    def depends_on(cls, settings: Settings) -> tuple[type, ...]:
        """Return the module's class, and its configuration's."""
        module = settings.get("module", DEFAULT)
        configuration = _config(module, settings.get("config"))
        return (find_class(module, nn.Module), *(find_class(path) for path, _ in configuration))


def _config(module: str, config: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the path of the configuration's class and its arguments, if there is one."""
    if config is None:
        return []
    if len(config) != 1:
        raise ValueError(f"{module} takes one configuration, as {{dotted.path.Config: {{argument: value}}}}")
    return [(path, arguments or {}) for path, arguments in config.items()]
