"""The figures: one file each, each a pure function from results to a drawing, None where the data is absent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib as mpl

from ..run import Results
from . import (
    accuracy_by_distance,
    gradients_by_distance,
    learning_curves,
    memory,
    score_against_speed,
    score_by_length,
    score_matrix,
    throughput,
)
from .drawing import Drawing, save
from .theme import RC

__all__ = ["FIGURES", "Drawing", "draw", "save"]

FIGURES: list[Callable[[Results], Drawing | None]] = [
    score_matrix.figure,
    score_against_speed.figure,
    learning_curves.figure,
    score_by_length.figure,
    score_by_length.decoded,
    accuracy_by_distance.figure,
    gradients_by_distance.initial,
    gradients_by_distance.trained,
    throughput.figure,
    memory.figure,
]


def draw(results: Results) -> Iterator[Drawing]:
    """Draw every figure there is data for."""
    for figure in FIGURES:
        # Around each alone: a generator that pauses inside would leave the theme on for its caller.
        with mpl.rc_context(RC):
            drawing = figure(results)
        if drawing is not None:
            yield drawing
