"""The columns of the ranked table, in full and for where there is little room."""

from __future__ import annotations

import math

import pandas as pd

from ..analysis.records import Record, records
from ..analysis.run import Results
from ..store.formats import ABSENT, count, horizon, number, short, spread
from .view import Column

STAR = "*"  # behind the mean of only some tasks or seeds


def columns(results: Results) -> list[Column]:
    """Return the columns of the ranked table, without those that have nothing to show."""
    mechanisms, by_task = results.ranking
    rows, tasks = records(mechanisms), results.tasks
    named = [
        _plain("rank", math.inf, [str(row["rank"]) for row in rows]),
        _plain("mechanism", math.inf, [row["mechanism"] for row in rows], is_text=True),
        Column("score", math.inf, [_score(row, len(tasks)) for row in rows], [_brief(row, len(tasks)) for row in rows]),
    ]
    others = [
        _plain("steps to solve", 6, [_solved(row["steps_to_solve"], row["solved"]) for row in rows]),
        _plain("gradient decay", 5, [number(row["decay"], 3) for row in rows]),
        _plain("horizon", 7, [horizon(row["horizon"], row["horizon_reach"]) for row in rows]),
        _plain("train tokens/s", 8, [short(row["train_tokens"]) for row in rows]),
        _plain("decode tokens/s", 2, [short(row["decode_tokens"]) for row in rows]),
        _plain("peak memory (MB)", 4, [short(row["peak_memory"] / 1e6) for row in rows]),
        _plain("time exponent", 3, [number(row["time_exponent"]) for row in rows]),
        _plain("parameters", 1, [count(row["parameters"]) for row in rows]),
    ]
    taken = {column.heading for column in [*named, *others]}
    scores = [_of_task(by_task, task, place, taken) for place, task in enumerate(tasks)]
    return named + [column for column in [*scores, *others] if any(text != ABSENT for text in column.text)]


def _plain(heading: str, importance: float, text: list[str], is_text: bool = False) -> Column:
    return Column(heading, importance, text, text, is_text)


def _of_task(by_task: pd.DataFrame, task: str, place: int, taken: set[str]) -> Column:
    rows = records(by_task[by_task["task"] == task])
    heading = f"{task} (task)" if task in taken else task
    # Tasks are left out after all other columns, the last of them first.
    return Column(heading, 1000 - place, list(map(_on_task, rows)), list(map(_brief_on_task, rows)), is_text=True)


def _score(row: Record, tasks: int) -> str:
    if row["score"] != row["score"]:
        return ABSENT
    part = f" ({int(row['tasks'])} of {tasks} tasks)" if row["tasks"] < tasks else ""
    return spread(row["score"], row["score_low"], row["score_high"]) + part


def _brief(row: Record, tasks: int) -> str:
    return number(row["score"]) + (STAR if row["score"] == row["score"] and row["tasks"] < tasks else "")


def _on_task(row: Record) -> str:
    """Return the number, the outcome's word where there is none, or both where some runs ended badly."""
    words = f"{row['ill']} of {row['runs']} {row['word']}" if 0 < row["ill"] < row["runs"] else str(row["word"])
    if row["value"] != row["value"]:
        return words
    shown = spread(row["value"], row["low"], row["high"])
    return f"{shown} ({words})" if words else shown


def _brief_on_task(row: Record) -> str:
    """Return the number, with a star where only some runs ended well; else what `_on_task` says, without the number."""
    if row["value"] != row["value"]:
        return _on_task(row)
    if row["ill"] == row["runs"]:
        return str(row["word"])
    return number(row["value"]) + (STAR if row["ill"] else "")


def _solved(steps: float, share: float) -> str:
    if share != share:
        return ABSENT
    return f"{steps:.0f} ({share:.0%})" if share > 0 else "never"
