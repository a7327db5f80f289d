"""What a run found: the store, the statistics, the tables, the figures and the report.

`load(run)` is the whole public reading interface. Importing this package is cheap on purpose (the
runner's cell processes do it): pandas, scipy and seaborn are imported where they are first needed.
"""

from .store.database import FORMAT, Store
from .store.load import load, load_cells
from .store.rows import OUTCOMES, CellRow, Measurement

__all__ = ["FORMAT", "OUTCOMES", "CellRow", "Measurement", "Store", "load", "load_cells"]
