"""The spaces of sources and queries, and those of targets, which define the loss and the metric of the answers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from registry import Quantity

Reduction: TypeAlias = Literal["mean", "sum"]

TOLERANCE = 0.04
"""A real number with a larger error is a wrong answer. Hochreiter & Schmidhuber 1997 say so of answers in [0, 1]."""

ERRORS = 2.0
"""By how many standard errors chance and ceiling must differ: zero is then outside their difference's 95 % interval."""

ACCURACY = Quantity("accuracy", "accuracy", better="higher", over=("length",), digits=3)
CROSS_ENTROPY = Quantity("cross_entropy", "cross-entropy", "nats", better="lower", over=("length",), digits=3)
NATS_ABOVE_FLOOR = Quantity("nats_above_floor", "nats above the entropy", better="lower", over=("length",), digits=3)
SQUARED_ERROR = Quantity("mse", "mean squared error", better="lower", over=("length",), digits=4)
WITHIN = Quantity("within", f"within {TOLERANCE}", better="higher", over=("length",), digits=3)


class Bounds(NamedTuple):
    """Chance and ceiling of a metric on some examples, and the standard error of their difference there.

    Beside them the cross-entropies at chance and of a perfect reader, in nats a scored position; NaN where answers are
    real numbers or the task does not know them.
    """

    chance: float
    ceiling: float
    error: float = 0.0
    chance_entropy: float = math.nan
    ceiling_entropy: float = math.nan


@dataclass(frozen=True)
class Tokens:
    """Whole numbers below `size`. Equal spaces are one vocabulary and share one embedding."""

    size: int
    vocabulary: str = "tokens"
    discrete: ClassVar[bool] = True


@dataclass(frozen=True)
class Features:
    """Vectors of `size` real numbers."""

    size: int
    discrete: ClassVar[bool] = False


class TargetSpace(ABC):
    """What the answers of a task are, and how they are scored.

    Outputs are those of a readout of `size` numbers for each of n answers. A prediction is the part of an output that
    the metric compares with the target.
    """

    size: int

    discrete: ClassVar[bool]
    """Whether answers are classes; False for real numbers."""

    probabilistic: ClassVar[bool] = False
    """Whether the metric depends on the probabilities of the classes and not only on the most probable one."""

    metric: ClassVar[Quantity]
    """The metric of chance and ceiling, and whether it is better higher or lower."""

    quantities: ClassVar[tuple[Quantity, ...]]
    """What `measured` returns."""

    @abstractmethod
    def loss(
        self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"], reduction: Reduction = "mean"
    ) -> Float[Tensor, ""]:
        """Return what training minimises: the mean, or the sum, over n answers."""

    @abstractmethod
    def correct(self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"]) -> Bool[Tensor, "n"]:
        """Return whether each answer is right. NaN is a wrong answer."""

    @abstractmethod
    def prediction(self, output: Float[Tensor, "n c"]) -> Shaped[Tensor, "n ..."]:
        """Return the prediction of each output. Where the space is not probabilistic, it is the answer itself."""

    @abstractmethod
    def score(self, prediction: Shaped[Tensor, "..."], target: Shaped[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Return the metric of each prediction."""

    @abstractmethod
    def metric_from(self, loss: float, accuracy: float) -> float:
        """Return the metric of a sample, given its mean loss and the share of right answers."""

    def error_of_chance(self, chance: float, answers: int) -> float:
        """Return the standard error of the metric of a predictor at chance, on this many answers; 0 if unknown."""
        return 0.0

    def normalised(self, metric: float, bounds: Bounds) -> float:
        """Return the score: 0 at chance and 1 at the ceiling.

        It is NaN where a perfect reader is not better than chance by more than ERRORS standard errors: the score would
        depend on the luck of these examples.
        """
        span = bounds.ceiling - bounds.chance
        gain = {"higher": span, "lower": -span, "neither": abs(span)}[self.metric.better]
        return (metric - bounds.chance) / span if gain > ERRORS * bounds.error else math.nan

    @abstractmethod
    def measured(self, metric: float, accuracy: float, ceiling: float) -> dict[str, float]:
        """Return what is reported of a sample, by quantity, given its metric and the share of right answers."""


def most_probable(output: Float[Tensor, "n c"]) -> Int[Tensor, "n"]:
    """Return the class with the largest output; -1, which is no class, where an output is NaN."""
    # argmax takes NaN for the largest number, and so the first class where all are NaN.
    return output.argmax(1).masked_fill(output.isnan().any(1), -1)


@dataclass(frozen=True)
class Classes(TargetSpace):
    """One of `size` classes, trained with the cross-entropy and scored by accuracy."""

    size: int
    discrete = True
    metric = ACCURACY
    quantities: ClassVar[tuple[Quantity, ...]] = (ACCURACY,)

    def loss(
        self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"], reduction: Reduction = "mean"
    ) -> Float[Tensor, ""]:
        return F.cross_entropy(output, target, reduction=reduction)

    def correct(self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"]) -> Bool[Tensor, "n"]:
        return most_probable(output) == target

    def prediction(self, output: Float[Tensor, "n c"]) -> Shaped[Tensor, "n ..."]:
        return most_probable(output)

    def score(self, prediction: Shaped[Tensor, "..."], target: Shaped[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return (prediction == target).double()

    def metric_from(self, loss: float, accuracy: float) -> float:
        return accuracy

    def error_of_chance(self, chance: float, answers: int) -> float:
        return math.sqrt(max(0.0, chance * (1 - chance)) / answers)

    def measured(self, metric: float, accuracy: float, ceiling: float) -> dict[str, float]:
        return {"accuracy": accuracy}


@dataclass(frozen=True)
class Distribution(Classes):
    """One of `size` classes, each with a known probability; scored by the cross-entropy in nats."""

    probabilistic = True
    metric = CROSS_ENTROPY
    quantities = (ACCURACY, NATS_ABOVE_FLOOR)

    def prediction(self, output: Float[Tensor, "n c"]) -> Shaped[Tensor, "n ..."]:
        return output.log_softmax(1)

    def score(self, prediction: Shaped[Tensor, "..."], target: Shaped[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        # Where nothing is scored, a target may be a number that is no class.
        return -prediction.gather(-1, target.clamp_min(0).unsqueeze(-1)).squeeze(-1)

    def metric_from(self, loss: float, accuracy: float) -> float:
        return loss

    def error_of_chance(self, chance: float, answers: int) -> float:
        return 0.0  # that of a cross-entropy depends on the distribution, which the task knows

    def measured(self, metric: float, accuracy: float, ceiling: float) -> dict[str, float]:
        return {"accuracy": accuracy, "nats_above_floor": metric - ceiling}


@dataclass(frozen=True)
class Scalar(TargetSpace):
    """A real number, trained with the squared error and scored by its mean."""

    size = 1
    discrete = False
    metric = SQUARED_ERROR
    quantities = (SQUARED_ERROR, WITHIN)

    def loss(
        self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"], reduction: Reduction = "mean"
    ) -> Float[Tensor, ""]:
        return F.mse_loss(output.squeeze(1), target, reduction=reduction)

    def correct(self, output: Float[Tensor, "n c"], target: Shaped[Tensor, "n"]) -> Bool[Tensor, "n"]:
        return (output.squeeze(1) - target).abs() <= TOLERANCE

    def prediction(self, output: Float[Tensor, "n c"]) -> Shaped[Tensor, "n ..."]:
        return output.squeeze(1)

    def score(self, prediction: Shaped[Tensor, "..."], target: Shaped[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return (prediction - target).square()

    def metric_from(self, loss: float, accuracy: float) -> float:
        return loss

    def measured(self, metric: float, accuracy: float, ceiling: float) -> dict[str, float]:
        return {"mse": metric, "within": accuracy}
