"""The look of each mechanism in the figures of a run: colour, marker and dashes.

Within a family mechanisms differ in what they are called there, so that gets the look: the same alignment in two hosts
has one colour. The first ten in the order of the plan have a colour each; the next ten have the same colours with other
dashes. The colours are those of Okabe and Ito (2008) without the yellow, and three of Tol's "muted" scheme: all were
chosen for colour-blind readers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from ..analysis.families import families

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#882255", "#999933", "#888888")
MARKERS = ("o", "s", "^", "D", "X", "v", "P", "<", ">", "h", "p", "d", "*")
DASHES: tuple[Any, ...] = (
    "-",
    (0, (4, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1, 1.5)),
    (0, (7, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)


class Look(NamedTuple):
    colour: str
    marker: str
    dashes: Any


def looks(trials: pd.DataFrame, *, by_family: bool = False) -> dict[str, Look]:
    """Return the look of every mechanism in `trials`; with `by_family` dashes tell families apart too."""
    found, numbers = families(trials), dict[str, int]()
    for name in pd.unique(trials["mechanism"]):
        for family in found:
            if name in family.names:
                numbers.setdefault(family.names[name], len(numbers))
    rounds = -(-len(numbers) // len(COLOURS))
    made = {}
    for place, family in enumerate(found):
        for name, short in family.names.items():
            turn, colour = divmod(numbers[short], len(COLOURS))
            dashes = turn + (place * rounds if by_family else 0)
            # Coprime counts, so that the marker differs where colours and dashes begin again.
            marker = MARKERS[(numbers[short] + place * by_family) % len(MARKERS)]
            made[name] = Look(COLOURS[colour], marker, DASHES[dashes % len(DASHES)])
    return made
