"""The contract of a sequence model: it mixes an embedded source into embedded queries."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from registry import Registered, Registry, Settings

from ..attention.attention import Attention
from ..attention.state import State


class SequenceModel(nn.Module, Registered, ABC):
    """Reads a source, then answers at each query position; it never sees a vocabulary.

    A stream model reads [source; query] as one sequence, and the source may be empty. An encoder-decoder
    reads the source with one network and the queries with another, and needs a source.
    """

    causal_only: ClassVar[bool] = False
    """A query position can never see a later one, whatever is asked for."""

    bidirectional: bool = False
    """A query position sees all others, so the model cannot face a task whose later queries give answers away."""

    family: ClassVar[str] = ""
    """What kind of network it is, such as "Transformer" or "state space model"."""

    parallel: ClassVar[bool] = False
    """It trains on all positions at once; where this is False, a position waits for the one before."""

    state_grows: ClassVar[bool] = False
    """What it carries from step to step grows with the length; False too where it does not decode."""

    passes_history: ClassVar[bool] = False
    """The model decodes step by step over a fixed source, and passes earlier weights on to the alignment."""

    complexity: ClassVar[str] = ""
    """Work per layer and sequential steps over n positions of width d, for people to read."""

    compiles: ClassVar[bool] = False
    """torch.compile(fullgraph=True) takes it; the conformance kit holds it to that."""

    def __init__(self, width: int, *, causal: bool = True) -> None:
        super().__init__()
        if self.causal_only and not causal:
            raise ValueError(f"{type(self).__name__} reads its queries in order and cannot look ahead (causal=False)")
        self.width = width
        self.causal = causal

    @classmethod
    def sees_all(cls, settings: Settings) -> bool:
        """Return whether it is bidirectional with these settings, which is asked before it is built."""
        return cls.bidirectional

    @abstractmethod
    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]: ...

    @property
    def decodes(self) -> bool:
        """Whether the model can answer one query at a time, without the later ones."""
        return type(self).step is not SequenceModel.step

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        """Read the source, and return what `step` carries on from. A model that cannot decode leaves both out."""
        raise ValueError(f"{type(self).__name__} answers all queries together and cannot decode by steps")

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        """Decode one position; `start` and then steps give what `forward` gives, to rounding.

        The state that is passed in may be consumed: go on with the one that comes back.
        """
        raise ValueError(f"{type(self).__name__} answers all queries together and cannot decode by steps")

    def flops(self, source: int, query: int) -> int | None:
        """Return the floating-point operations of one forward on one row, from the formulas; None where unknown.

        Products of matrices and alignments' scores are counted, a multiplication and an addition as two.
        """
        return None

    def weights(self) -> list[Float[Tensor, "b h q k"]]:
        """Return the attention weights of the last traced forward, one per layer, the outermost last.

        k counts the source positions in an encoder-decoder, and source and query positions in a stream model.
        """
        attentions = [part for part in self.modules() if isinstance(part, Attention)]
        return [attention.weights for attention in attentions if attention.weights is not None]


MODELS = Registry[SequenceModel](
    "model",
    "mechanisms.models",
    positional=1,
    fixed=("causal",),
    properties=("family", "parallel", "state_grows", "bidirectional"),
)


def require_source(model: SequenceModel, source: Float[Tensor, "b s d"]) -> None:
    if source.shape[1] == 0:
        raise ValueError(f"{type(model).__name__} is an encoder-decoder and needs a source, which is empty here")
