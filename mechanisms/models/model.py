"""The contract of a sequence model: it reads an embedded source and answers embedded queries."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from registry import Registered, Registry, Settings

from ..attention.attention import Attention
from ..attention.state import State


class SequenceModel(nn.Module, Registered, ABC):
    """Reads a source, then answers at each query position. It never sees a vocabulary.

    A stream model reads [source; query] as one sequence, and the source may be empty. An encoder-decoder reads the
    source with one network and the queries with another, and needs a source.
    """

    causal_only: ClassVar[bool] = False
    """A query position never sees a later one, whatever the task allows."""

    bidirectional: bool = False
    """A query position sees all others, so the model cannot run on a task whose later queries contain the answers."""

    family: ClassVar[str] = ""
    """The kind of network, such as "Transformer" or "state space model"."""

    parallel: ClassVar[bool] = False
    """It trains on all positions at once. If False, a position needs the result of the one before."""

    state_grows: ClassVar[bool] = False
    """Its decoding state grows with the length. False if it does not decode."""

    passes_history: ClassVar[bool] = False
    """It decodes step by step over a fixed source, and passes the weights of earlier steps to the alignment."""

    complexity: ClassVar[str] = ""
    """The work of a layer and the number of sequential steps, for n positions of width d, as text."""

    def __init__(self, width: int, *, causal: bool = True) -> None:
        super().__init__()
        if self.causal_only and not causal:
            raise ValueError(f"{type(self).__name__} cannot run with causal=False: its queries never see later ones")
        self.width = width
        self.causal = causal

    @classmethod
    def sees_all(cls, settings: Settings) -> bool:
        """Whether the model is bidirectional with these settings: known before it is built."""
        return cls.bidirectional

    @abstractmethod
    def forward(self, source: Float[Tensor, "b s d"], query: Float[Tensor, "b q d"]) -> Float[Tensor, "b q d"]: ...

    def mixing(self, x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
        """Return what the first layer mixes of a sequence, without residual connection, normalisation and feed-forward
        network. Raises ValueError if the model needs a source beside the sequence, as an encoder-decoder does.

        A model with one layer of mixing and nothing else need not override it.
        """
        return self(x[:, :0], x)  # type: ignore[no-any-return]

    @property
    def decodes(self) -> bool:
        """Whether the model can answer one query at a time, without the later ones."""
        return type(self).step is not SequenceModel.step

    def start(self, source: Float[Tensor, "b s d"]) -> State:
        """Read the source, and return the state for the first `step`. A model that cannot decode overrides neither."""
        raise ValueError(f"{type(self).__name__} answers all queries together and cannot decode")

    def step(self, query: Float[Tensor, "b d"], state: State) -> tuple[Float[Tensor, "b d"], State]:
        """Decode one position. `start` and then steps give the same outputs as `forward`, up to rounding.

        The state that is passed in may be changed: use the one that is returned.
        """
        raise ValueError(f"{type(self).__name__} answers all queries together and cannot decode")

    def flops(self, source: int, query: int) -> int | None:
        """Return the floating-point operations of one forward pass on one example, by formula; None if unknown.

        Matrix products and the scores of alignments are counted; a multiplication and an addition are two operations.
        """
        return None

    def weights(self) -> list[Float[Tensor, "b h q k"]]:
        """Return the attention weights of the last traced forward pass, one tensor for each layer, the last layer last.

        k is the number of source positions in an encoder-decoder, and of source and query positions in a stream model.
        """
        attentions = [part for part in self.modules() if isinstance(part, Attention)]
        return [attention.weights for attention in attentions if attention.weights is not None]


MODELS = Registry[SequenceModel](
    "model",
    "mechanisms.models",
    positional=1,
    fixed=("causal",),
    properties=("family", "parallel", "state_grows", "bidirectional"),
    checks="mechanisms.conformance.model",
)


def require_source(model: SequenceModel, source: Float[Tensor, "b s d"]) -> None:
    if source.shape[1] == 0:
        raise ValueError(f"{type(model).__name__} is an encoder-decoder and needs a source, but the source is empty")
