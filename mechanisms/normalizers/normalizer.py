"""The contract of a normalizer: from scores to the weights with which values are read."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from registry import Registered, Registry


class Normalizer(nn.Module, Registered, ABC):
    """Turns scores into weights over the keys.

    A masked key (False) gets weight exactly zero and no gradient. A row whose keys are all masked is all
    zeros, never NaN, and so is its gradient.
    """

    stochastic: ClassVar[bool] = False
    """The weights are drawn while training, so two calls differ, and a block cannot be computed a second time."""

    surrogate: ClassVar[bool] = False
    """The gradient is on purpose not that of the weights, as a straight-through estimator's is not."""

    compiles: ClassVar[bool] = False
    """torch.compile(fullgraph=True) takes it; the conformance kit holds it to that."""

    # nn.Module's own takes any argument, and a misspelt hyper-parameter would not be noticed.
    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]: ...


NORMALIZERS = Registry[Normalizer]("normalizer", "mechanisms.normalizers")
