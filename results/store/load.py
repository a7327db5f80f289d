"""Reading a run back as tidy frames."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import UserError

from .database import Store

if TYPE_CHECKING:
    import pandas as pd

STORE = "results.sqlite"
TEXTS = ("cell", "kind", "mechanism", "model", "alignment", "task", "outcome", "probe", "quantity", "stage", "unit")
WHOLE = ("trained_length", "seed", "length", "step", "distance", "position", "attempts")
REAL = ("learning_rate", "value", "low", "high", "seconds")
OF_THE_CELL = ["kind", "mechanism", "model", "alignment", "task", "trained_length", "seed", "learning_rate", "outcome"]
MEASURED = ["probe", "quantity", "stage", "length", "step", "distance", "value", "low", "high", "unit"]
OF_CELLS = ["reason", "path", "seconds", "attempts", "started", "finished", "origin", "position"]


def load(run: str | Path) -> pd.DataFrame:
    """Return the measurements of the run in folder `run`, one row each, of the cells now planned.

    Columns: cell, kind, mechanism (its label), model, alignment, task, trained_length, seed,
    learning_rate, outcome, probe, quantity, stage, length, step, distance, value, low, high, unit.
    Lengths and distances count positions. Raises UserError where there is no such run.
    """
    return load_both(run)[1]


def load_cells(run: str | Path) -> pd.DataFrame:
    """Return the planned cells of the run in folder `run`, one row each, measured or not.

    Columns: cell, kind, mechanism, model, alignment, task, trained_length, seed, learning_rate, outcome
    (missing: not yet run), reason, path, seconds, attempts, started, finished, origin, position.
    """
    return load_both(run)[0]


def load_both(run: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cells and the measurements of one and the same moment."""
    with Store(store_of(run), read_only=True) as store:
        cells, measurements = store.snapshot()
    return tidy(cells, measurements)


def tidy(cells: list[dict[str, Any]], measurements: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the frames of `load_cells` and of `load`, from the rows of a store."""
    import pandas as pd

    renamed = [{**row, "cell": row["key"], "mechanism": row["label"], "trained_length": row["length"]} for row in cells]
    table = _typed(pd.DataFrame(renamed, columns=["cell", *OF_THE_CELL, *OF_CELLS]))
    frame = _typed(pd.DataFrame(measurements, columns=["cell", *MEASURED]))
    merged = frame.merge(table[["cell", *OF_THE_CELL]], on="cell", how="left")
    return table, merged[["cell", *OF_THE_CELL, *MEASURED]]


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    # Said outright, since a column of which every row is missing would otherwise change its type.
    types = dict.fromkeys(frame.columns, "str")
    types.update({name: "Int64" for name in WHOLE if name in types})
    types.update({name: "float64" for name in REAL if name in types})
    return frame.astype(types)


def store_of(run: str | Path) -> Path:
    """Return the path of the store in the folder `run`; UserError with the nearest run where there is none."""
    folder = Path(run)
    if (folder / STORE).is_file():
        return folder / STORE
    if folder.is_file():
        raise UserError(f"{folder} is a file; the folder of a run was expected")
    what = f"the folder {folder} holds no results" if folder.is_dir() else f"there is no run at {folder}"
    raise UserError(f"{what}.{_nearest_run(folder)}")


def _nearest_run(folder: Path) -> str:
    if not folder.parent.is_dir():
        return ""
    runs = sorted(path.name for path in folder.parent.iterdir() if (path / STORE).is_file())
    close = difflib.get_close_matches(folder.name, runs, n=1, cutoff=0.4)
    if close:
        return f" Did you mean {folder.parent / close[0]}?"
    return f" There are: {', '.join(runs)}." if runs else ""
