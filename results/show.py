"""How a run is read from Python: the run, and what a view has of it.

Other modules are imported inside the functions, so that `import results` stays fast.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .analysis.run import Run
    from .views import Table


def read(folder: str | Path) -> Run:
    """Read the run in `folder`. Raises UserError where there is none."""
    from .analysis import run

    return run.read(folder)


def figure(view: str, run: Run | str | Path) -> Figure:
    """Draw the figure of a view, such as "ranking", of a run or of the run in a folder.

    Raises UserError where there is no such view, or the view has no figure of the run.
    """
    from .report import contents

    return contents.figure(view, run)


def table(view: str, run: Run | str | Path) -> Table:
    """Return the table of a view, of a run or of the run in a folder: `numbers` is its data frame.

    Raises UserError where there is no such view, or the view has no table of the run.
    """
    from .report import contents

    return contents.table(view, run)
