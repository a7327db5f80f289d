"""The ranking of the mechanisms: its table, the scores as a heat map and against speed, who is first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..analysis.compare import MARGIN
from ..analysis.records import Record, records
from ..analysis.run import Results
from ..store.formats import number, spread
from .ranking_columns import STAR, columns
from .view import Finding, Table, listed

if TYPE_CHECKING:
    from ..charts.files import Drawing

MATRIX_READING = (
    "Test score at the trained length, mean over seeds: 1 is a perfect reader, 0 is chance. The first column (or row) "
    "is the interquartile mean over tasks and seeds, by which the mechanisms are ranked. Where there is no number, the "
    "word says how the runs ended; a star marks the mean of only some seeds, where others failed or are still to run."
)
SPEED_READING = (
    "Score over all tasks (1: perfect, 0: chance) against tokens per second of training, at the largest length that "
    "all mechanisms were timed at: up and to the right is better. Each panel names one family and shows the others in "
    "grey. Bars: 95 % intervals from five seeds on, below that from every task's worst seed to its best."
)
OVERALL = "all tasks"


def table(results: Results) -> Table:
    made = columns(results)
    text = pd.DataFrame(dict(enumerate(column.text for column in made)))
    # Afterwards, since nothing says that all headings differ: tasks are called what their authors please.
    text.columns = pd.Index([column.heading for column in made])
    numbers = results.ranking.mechanisms
    return Table("ranking", "Ranking", _ranking_reading(numbers), text, numbers)


def score_matrix(results: Results) -> Drawing | None:
    """The heat map of scores."""
    from ..charts import heatmap
    from ..charts.files import Drawing

    if not results.tasks:
        return None
    data = matrix(results)
    return Drawing("score_matrix", "Score by mechanism and task", MATRIX_READING, heatmap.draw(data), data)


def matrix(results: Results) -> pd.DataFrame:
    """Return mechanism, task, score, low, high and shown (the number as text, or the outcome's word)."""
    mechanisms, by_task = results.ranking
    overall = mechanisms.rename(columns={"score_low": "low", "score_high": "high"})
    overall = overall.assign(task=OVERALL, shown=[_shown(score) for score in overall["score"]])
    each = by_task.rename(columns={"value": "score"})
    each["shown"] = [_shown(row["value"], row["word"], row["ill"] < row["runs"]) for row in records(by_task)]
    places = {name: place for place, name in enumerate(mechanisms["mechanism"])}
    whole = pd.concat([overall, each])[["mechanism", "task", "score", "low", "high", "shown"]]
    return whole.sort_values("mechanism", key=lambda column: column.map(places), kind="stable", ignore_index=True)


def score_against_speed(results: Results) -> Drawing | None:
    """What is bought for what price."""
    from ..charts import scatter
    from ..charts.files import Drawing

    data = points(results)
    if len(data) < 2:
        return None
    drawn = scatter.draw(results, data)
    return Drawing("score_against_speed", "Score against speed", SPEED_READING, drawn, data)


def points(results: Results) -> pd.DataFrame:
    """Return mechanism, train_tokens (per second), length, score, low and high, of those that have both."""
    renamed = {"score_low": "low", "score_high": "high"}
    table = results.ranking.mechanisms[["mechanism", "train_tokens", "length", "score", *renamed]]
    return table.rename(columns=renamed).dropna(subset=["train_tokens", "score"]).reset_index(drop=True)


def best(results: Results) -> list[Finding]:
    """The highest score over all tasks, and who cannot be told from it."""
    ranking = results.ranking.mechanisms
    whole = ranking[ranking["ended_well"] & (ranking["tasks"] == len(results.tasks))]
    if len(whole) < 2:
        return []
    first, *others = records(whole)
    tied = [row["mechanism"] for row in others if _is_close(row, first)]
    shown = spread(first["score"], first["score_low"], first["score_high"])
    text = f"{first['mechanism']} has the highest score over all tasks, {shown}"
    if first["interval"] == "none":
        return [Finding("score", f"{text}, on its only seed.")]
    if tied:
        some = listed(tied) if len(tied) <= 4 else f"{len(tied)} others"
        return [Finding("score", f"{text}, but {some} cannot be told from it.")]
    second = f"{others[0]['mechanism']} with {number(others[0]['score'])}"
    return [Finding("score", f"{text}, before {second}; their intervals do not overlap.")]


def plugins(results: Results) -> list[Finding]:
    """Where the mechanisms that come from plugins stand."""
    ranking = results.ranking.mechanisms
    rows = [row for row in records(ranking[ranking["origin"].notna()]) if row["score"] == row["score"]]
    return [
        Finding(
            "plugin",
            f"{row['mechanism']}, a plugin, comes out at rank {row['rank']} of {len(ranking)} with a score of "
            f"{spread(row['score'], row['score_low'], row['score_high'])}.",
        )
        for row in rows
    ]


def _ranking_reading(ranking: pd.DataFrame) -> str:
    kinds = set(ranking["interval"])
    length = ranking["length"].dropna()
    at = f" Speed and memory are at length {int(length.iloc[0])}." if len(length) else ""
    return (
        "The score is the interquartile mean, over tasks and seeds, of the normalised test score: 1 is a perfect "
        f"reader, 0 is chance. {_intervals(kinds)} Runs that diverged, failed or ran out of time or memory count as "
        "chance (0). Steps to solve: the median of the runs that reached 0.99 on validation, and their share. "
        "Gradient decay (nats per position) and horizon (positions until 1 % is left) are those of the untrained "
        f"network.{at}"
    )


def _intervals(kinds: set[str]) -> str:
    if "bootstrap" in kinds:
        return "In brackets: 95 % intervals over seeds."
    if "range" in kinds:
        return (
            "In brackets: from the worst to the best seed, for there are too few seeds (below five) for an interval; "
            "differences of that size may be chance."
        )
    return "There is one seed only, so no number here has an interval, and small differences mean nothing."


def _shown(value: float, word: str = "", some_ended_well: bool = False) -> str:
    if value != value:
        return word or "none"
    # "1 of 2 timeout": too long for a square; the table tells.
    return f"{number(value)} {STAR}" if word and some_ended_well else word or number(value)


def _is_close(row: Record, first: Record) -> bool:
    return bool(row["score_high"] >= first["score_low"] or first["score"] - row["score"] < MARGIN)
