"""The width at which a model has a given number of parameters, counted on the meta device, without memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from registry import Spec

from ..training.network import on_meta, parameter_count
from .schema import MOST_PARAMETERS

TOLERANCE = 0.02
STRETCH = 0.25  # the largest change of a hidden layer, so that the model remains similar
WIDEST = 16384
MOST_TENSORS = 10_000  # about 800 layers of a transformer
PROBED = 128  # the widths tried around one that is not possible; a multiple of the heads, or an even one, is among them


@dataclass(frozen=True)
class Size:
    width: int
    parameters: int


@dataclass(frozen=True)
class Fit:
    """The nearest width, and its distance from the next possible width on the other side of the target (0: none).

    `settings` are the settings to change besides the width.
    """

    size: Size
    step: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, target: int) -> bool:
        return abs(self.size.parameters - target) <= TOLERANCE * target


class TooLargeError(Exception):
    """The model has more parameters than can be trained, or so many layers that building it would not end."""


class NoWidthError(Exception):
    """The model cannot be built with any of the widths tried. Its last error is the cause."""


def parameters_of(model: Spec, width: int) -> int:
    """Return the number of parameters of a model, without embedding and readout."""
    with bounded():
        return parameter_count(on_meta(lambda: model.build(width)))


@contextmanager
def bounded() -> Iterator[None]:
    """Raise TooLargeError inside the block as soon as modules have too many parameters."""
    tensors, elements = 0, 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, elements
        tensors, elements = tensors + 1, elements + (0 if parameter is None else parameter.numel())
        if tensors > MOST_TENSORS:
            raise TooLargeError(f"has more than {MOST_TENSORS:,} weight matrices and biases; choose fewer layers")
        if elements > MOST_PARAMETERS:
            raise TooLargeError(f"has more than {MOST_PARAMETERS:,} parameters; choose smaller settings")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def fit_model(model: Spec, target: int) -> Fit:
    """Return the width at which the number of parameters of the model comes nearest to `target`.

    If the possible widths are too far apart, because they are multiples of the heads, the hidden size of the
    feed-forward networks is changed, too. A ValueError of the model means that a width is not possible; other errors
    are passed on. Raises NoWidthError if no width is possible.
    """
    found = fit(lambda width: parameters_of(model, width), target)
    free = model.settings.keys() - model.given.keys()
    return found if found.matches(target) or "expansion" not in free else _stretched(model, found, target)


def _stretched(model: Spec, found: Fit, target: int) -> Fit:
    """Change the hidden size of the feed-forward networks, in which the number of parameters is linear."""
    width = found.size.width
    hidden = round(model.settings["expansion"] * width)

    def sized(units: int) -> Size:
        wider = replace(model, settings={**model.settings, "expansion": units / width})
        return Size(width, parameters_of(wider, width))

    each = sized(hidden + 1).parameters - found.size.parameters
    wanted = hidden + round((target - found.size.parameters) / each)
    if not hidden * (1 - STRETCH) <= wanted <= hidden * (1 + STRETCH):
        return found
    return replace(found, size=sized(wanted), settings={"expansion": wanted / width})


def fit(count: Callable[[int], int], target: int) -> Fit:
    """Return the width whose count comes nearest to `target`. `count` increases, and may raise ValueError."""
    widths = _Widths(count)
    low, high = _bracket(widths, target)
    while (middle := widths.between(low.width, high.width, _guess(low, high, target))) is not None:
        low, high = (low, middle) if middle.parameters >= target else (middle, high)
        # On a curved function one end may not move; halving every other time moves both.
        halved = widths.between(low.width, high.width, (low.width + high.width) // 2)
        if halved is not None:
            low, high = (low, halved) if halved.parameters >= target else (halved, high)
    nearest = min(low, high, key=lambda size: (abs(size.parameters - target), size.width))
    return Fit(nearest, high.width - low.width)


def _bracket(widths: _Widths, target: int) -> tuple[Size, Size]:
    """Return two sizes with the target between them, or the last size twice if the target is beyond all sizes."""
    low = widths.between(0, WIDEST + 1, 1)
    if low is None:
        raise NoWidthError from widths.reason
    high = low
    while high.parameters < target:
        low = high
        # Parameters grow about with the square of the width. The guess is a little larger.
        factor = min(32.0, 1.1 * math.sqrt(target / max(1, low.parameters)))
        aimed = math.ceil(low.width * factor)
        found = widths.between(low.width, WIDEST + 1, aimed) or widths.between(low.width, WIDEST + 1, low.width + 1)
        if found is None:
            return low, low
        high = found
    return low, high


def _guess(low: Size, high: Size, target: int) -> int:
    """Interpolate the square root of the count, which is nearly linear in the width."""
    first, last, wanted = (math.sqrt(n) for n in (low.parameters, high.parameters, target))
    share = (wanted - first) / (last - first) if last > first else 0.5
    return low.width + round(share * (high.width - low.width))


class _Widths:
    """The possible sizes of a model, each counted once."""

    def __init__(self, count: Callable[[int], int]) -> None:
        self._count = count
        self._known: dict[int, Size | None] = {}
        self.reason: ValueError | None = None

    def between(self, low: int, high: int, guess: int) -> Size | None:
        """Return the possible size with the next width from `guess` up, or else down, inside (low, high)."""
        if high - low < 2:
            return None
        guess = min(max(guess, low + 1), high - 1)
        above = range(guess, min(high, guess + PROBED))
        below = range(guess - 1, max(low, guess - PROBED), -1)
        return next((size for width in (*above, *below) if (size := self._at(width)) is not None), None)

    def _at(self, width: int) -> Size | None:
        if width not in self._known:
            try:
                self._known[width] = Size(width, self._count(width))
            except ValueError as error:
                self._known[width], self.reason = None, error
        return self._known[width]
