"""What a run found: the store, the statistics, the tables, the figures and the report.

`load(run)` is the whole public reading interface. Importing this package is cheap on purpose (the
runner's cell processes do it): pandas, scipy and seaborn are imported where they are first needed.
"""

from .reading import load, load_cells
from .rows import OUTCOMES, CellRow, Measurement
from .store import FORMAT, Store

__all__ = ["FORMAT", "OUTCOMES", "CellRow", "Measurement", "Store", "load", "load_cells"]
