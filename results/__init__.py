"""What a run measured: the store, the statistics, the views and the report.

`load(folder)` and `load_trials(folder)` return data frames; `read(folder)` a Run, of which `figure(view, run)` and
`table(view, run)` show what a view has; both take a folder too. Importing this package is cheap on purpose (the process
of every trial does it): pandas, scipy and seaborn are imported where they are first needed.
"""

from typing import TYPE_CHECKING

from registry import moved

from .show import figure, read, table
from .store.database import FORMAT, Store
from .store.load import load, load_trials
from .store.rows import OUTCOMES, Array, Measurement, Outcome, Planned

__all__ = [
    "FORMAT",
    "OUTCOMES",
    "Array",
    "Measurement",
    "Outcome",
    "Planned",
    "Store",
    "figure",
    "load",
    "load_trials",
    "read",
    "table",
]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name
    __getattr__ = moved(__name__, {"load_cells": "results.load_trials"})
