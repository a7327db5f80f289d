"""The contract of a normalizer: it turns scores into attention weights."""

from abc import ABC, abstractmethod
from typing import ClassVar

from jaxtyping import Bool, Float
from torch import Tensor, nn

from registry import Registered, Registry


class Normalizer(nn.Module, Registered, ABC):
    """Turns scores into weights over the keys.

    A masked key (False in the mask) gets weight exactly zero and no gradient. The weights of a fully masked row are all
    zeros, never NaN, and so is its gradient.
    """

    stochastic: ClassVar[bool] = False
    """The weights are random in training, so two calls differ and a block cannot be recomputed."""

    surrogate: ClassVar[bool] = False
    """The gradient is not that of the weights, but an estimate such as the straight-through one."""

    # The constructor of nn.Module takes any argument, so a misspelt hyperparameter would not be noticed.
    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(
        self, scores: Float[Tensor, "b h q k"], mask: Bool[Tensor, "#b #h #q #k"] | None = None
    ) -> Float[Tensor, "b h q k"]: ...


NORMALIZERS = Registry[Normalizer]("normalizer", "mechanisms.normalizers", checks="mechanisms.conformance.normalizer")
