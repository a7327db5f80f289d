"""Reading a run back as tidy frames."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry import Quantity, UserError
from registry.errors import shorten
from registry.spec import is_spec

from .database import Store
from .labels import ladder_labels, mechanism_labels, task_labels

if TYPE_CHECKING:
    import pandas as pd

STORE = "results.sqlite"
# The columns that are there whatever a run holds, with their types; all others are those of its trials.
OF_TRIALS = {
    "trial": "str",
    "mechanism": "str",
    "variant": "str",
    "model": "str",
    "mechanism.alignment": "str",
    "task": "str",
    "task_name": "str",
    "ladder": "str",
    "ladder_setting": "str",
    "rung": "float64",
    "trained_length": "Int64",
    "seed": "Int64",
    "recipe.learning_rate": "float64",
    "probes": "str",
    "origin": "str",
    "outcome": "str",
    "session": "str",
    "round": "Int64",
}
HOW_IT_ENDED = {
    "reason": "str",
    "path": "str",
    "seconds": "float64",
    "attempts": "Int64",
    "retried": "str",
    "position": "Int64",
}
COORDINATES = {"stage": "str", "length": "Int64", "step": "Int64", "distance": "Int64"}
MEASURED = {"probe": "str", "quantity": "str", "value": "float64", "low": "float64", "high": "float64", "unit": "str"}


def load(run: str | Path) -> pd.DataFrame:
    """Return the measurements of the run in folder `run`, one row each, of the trials now planned.

    Columns: those of `load_trials` but how the trial ended beside its outcome and session; probe, quantity, value, low,
    high, unit; and the coordinates: stage, length, step, distance, and any X that a probe of the run adds, as at.X
    where a column X stands here already. Lengths and distances count positions. Raises UserError where there is no such
    run.
    """
    return load_both(run)[1]


def load_trials(run: str | Path) -> pd.DataFrame:
    """Return the planned trials of the run in folder `run`, one row each, measured or not, skipped ones too.

    Columns: trial (its key); mechanism and task (labels, unique in the run), variant (the mechanism's label without
    the model's name), model and task_name; ladder (a label), ladder_setting and rung of a task with a growing setting;
    every setting as mechanism.X, task.X or recipe.X, of a part as mechanism.alignment (its name) and
    mechanism.alignment.X, declared properties likewise; seed, trained_length, and what else a trial is; round, of timed
    trials; origin (plug-ins, missing where all is built in); outcome (missing: not yet run), session (the call of the
    runner that ran it), reason, path, seconds, attempts (how often it was run), retried (how the attempts before the
    last crashed or exceeded their time), position.
    """
    return load_both(run)[0]


def load_both(run: str | Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the trials and the measurements of one and the same moment."""
    with Store(store_of(run), read_only=True) as store:
        trials, measurements = store.snapshot()
        return tidy(trials, measurements, store.quantities())


def tidy(
    trials: list[dict[str, Any]], measurements: list[dict[str, Any]], quantities: Mapping[str, Quantity]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the frames of `load_trials` and of `load`, from the rows of a store."""
    mechanisms = mechanism_labels([row["trial"] for row in trials])
    tasks = task_labels([row["trial"] for row in trials])
    ladders = ladder_labels([row["trial"] for row in trials])
    rows = [
        {
            **_flat(row["trial"], row["properties"]),
            **{name: row[name] for name in (*HOW_IT_ENDED, "outcome", "session")},
            "trial": row["key"],
            "origin": ", ".join(row["plugins"]) or None,
            "mechanism": mechanism.text,
            "variant": mechanism.inside or mechanism.text,
            "task": task.text if task else None,
            "ladder": ladder and ladder.text,
            "ladder_setting": ladder and ladder.setting,
            "rung": ladder and ladder.rung,
        }
        for row, mechanism, task, ladder in zip(trials, mechanisms, tasks, ladders, strict=True)
    ]
    table = _frame(rows, OF_TRIALS | HOW_IT_ENDED)
    facts = table.drop(columns=list(HOW_IT_ENDED))
    taken = {*facts, *MEASURED}
    units = {name: quantity.unit for name, quantity in quantities.items()}
    measured = [{**_unnested(row, taken), "unit": units.get(row["quantity"])} for row in measurements]
    frame = _frame(measured, {"trial": "str"} | MEASURED | COORDINATES)
    return table, frame.merge(facts, on="trial", how="left")[[*facts, *frame.columns[1:]]]


def _flat(trial: Mapping[str, Any], properties: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the fields of a trial as columns: settings with their field's name before their own, all else bare."""
    row: dict[str, Any] = {}
    for name, value in trial.items():
        if is_spec(value):
            row["model" if name == "mechanism" else f"{name}_name"] = value["name"]
            row |= _settings(name, value["settings"])
        elif isinstance(value, Mapping):
            row |= _settings(name, value)
        elif isinstance(value, list) and value and all(map(is_spec, value)):
            row[name] = ", ".join(each["name"] for each in value)
        elif value is not None:
            row[name] = value
    declared = {f"{of}.{name}": value for of, each in properties.items() for name, value in each.items()}
    return row | declared


def _settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in settings.items():
        if is_spec(value):
            row[f"{name}.{key}"] = value["name"]
            row |= _settings(f"{name}.{key}", value["settings"])
        elif isinstance(value, Mapping):
            row |= _settings(f"{name}.{key}", value)
        else:
            row[f"{name}.{key}"] = value
    return row


def _unnested(measurement: Mapping[str, Any], taken: Set[str]) -> dict[str, Any]:
    """Return a measurement with its coordinates beside it; one whose name is `taken` is called at.NAME."""
    row = {key: value for key, value in measurement.items() if key != "coordinates"}
    at = {f"at.{key}" if key in taken else key: value for key, value in measurement["coordinates"].items()}
    return row | at


def _frame(rows: Sequence[Mapping[str, Any]], always: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows with the columns that are always there first, each of one type, whatever is missing."""
    import pandas as pd

    columns = dict.fromkeys(always) | {name: None for row in rows for name in row}
    found = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        kind = always.get(name) or _type(values)
        known = [json.dumps(v) if kind == "str" and v is not None and not isinstance(v, str) else v for v in values]
        found[name] = pd.Series(known, dtype="object" if kind == "float64" else kind).astype(kind)  # type: ignore[call-overload]
    return pd.DataFrame(found, columns=list(columns))


def _type(values: Sequence[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int}:
        return "Int64"
    return "float64" if kinds and kinds <= {int, float} else "str"


def store_of(run: str | Path) -> Path:
    """Return the path of the store in the folder `run`; UserError with the nearest run where there is none."""
    folder = Path(run)
    try:
        if (folder / STORE).is_file():
            return folder / STORE
    except OSError as error:
        raise UserError(f"{shorten(folder)} cannot be read: {error.strerror}") from None
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
