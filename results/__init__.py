"""What a run found: the store, the statistics, the tables, the figures and the report.

`load(run)` and `load_trials(run)` are the public reading interface. Importing this package is cheap on purpose (the
process of every trial does it): pandas, scipy and seaborn are imported where they are first needed.
"""

from .store.database import FORMAT, Store
from .store.load import load, load_trials
from .store.rows import OUTCOMES, Measurement, Outcome, Planned

__all__ = ["FORMAT", "OUTCOMES", "Measurement", "Outcome", "Planned", "Store", "load", "load_trials"]
