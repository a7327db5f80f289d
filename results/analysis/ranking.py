"""The ranking in numbers: a frame with a row a mechanism, and one with a row a mechanism and task.

The order: first the mechanisms that have ended on every task they were planned for, by score; then those
of which tasks are skipped or still to run, for a mean over other tasks is no fair comparison; last those
of which nothing ended well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from .decay import decays
from .intervals import Floats, aggregate, mean_interval
from .records import Record
from .scaling import common_length, exponents, speeds
from .scores import ending, scores

if TYPE_CHECKING:
    from .run import Results

SEED = 20210823  # of the bootstrap: the same results give the same intervals
OF_DECAY = {"rate": "decay", "horizon": "horizon", "reach": "horizon_reach", "verdict": "verdict"}
OF_SPEED = {"train": "train_tokens", "decode": "decode_tokens", "peak_memory": "peak_memory"}
OF_TIME = {"exponent": "time_exponent", "low": "time_exponent_low", "high": "time_exponent_high"}


class Ranking(NamedTuple):
    """The mechanisms, best first, and their scores on each task, in the same order; see `ranked`."""

    mechanisms: pd.DataFrame
    tasks: pd.DataFrame


def ranked(results: Results) -> Ranking:
    """Return the mechanisms, best first.

    Columns of `mechanisms`: rank, mechanism, model, mechanism.alignment, origin, score (interquartile mean of the
    normalised score over tasks and seeds), score_low, score_high, interval (its kind, see intervals.Interval), tasks
    (how many count), ended_well, solved (share of runs that solved their task), steps_to_solve (median of those that
    did); decay (nats per position), horizon (positions, inf: not reached), horizon_reach, verdict, at initialisation;
    train_tokens, decode_tokens (per second) and peak_memory (bytes) at the largest common length, which is `length`;
    time_exponent with low and high; parameters. Columns of `tasks`: mechanism, task, value (mean over seeds), low,
    high, word (how most runs ended that did not end well), ill (how many of them there are) and runs.
    """
    table = scores(results.trials, results.frame)
    each = _identities(results)
    names = pd.Index(each["mechanism"])
    parts = [_overall(table, names), _gradients(results), _speeds(results), _sizes(results)]
    whole = pd.concat([each.set_index("mechanism"), *(part.reindex(names) for part in parts)], axis=1).reset_index()
    whole = whole.assign(verdict=whole["verdict"].fillna(""), length=common_length(results.frame))
    group = np.where(whole["tasks"] == len(results.tasks), 0, 1)
    ordered = whole.assign(group=np.where(whole["ended_well"], group, 2))
    ordered = ordered.sort_values(["group", "score", "mechanism"], ascending=[True, False, True], ignore_index=True)
    ordered.insert(0, "rank", range(1, len(ordered) + 1))
    return Ranking(ordered.drop(columns="group"), _by_task(table, list(ordered["mechanism"]), results.tasks))


def _identities(results: Results) -> pd.DataFrame:
    # A mechanism that the plan leaves out altogether stands with its reason among the skipped, and has no rank.
    trials = results.all_trials
    each = trials[trials["task"].notna() | (trials["outcome"] != "skipped")].drop_duplicates("mechanism")
    return each[["mechanism", "model", "mechanism.alignment", "origin"]]


def strata(rows: pd.DataFrame, column: str = "counted") -> dict[str, Floats]:
    """Return the scores of one mechanism's rows by task, of every seed that counts, in the order of the seeds."""
    by_task = rows.sort_values("seed").groupby("task", sort=False)
    return {str(task): group[column].dropna().to_numpy(dtype=float) for task, group in by_task}


def _overall(table: pd.DataFrame, names: pd.Index[str]) -> pd.DataFrame:
    """Return the score over all tasks, and what was solved, by mechanism."""
    found = [_over_tasks(table[table["mechanism"] == name]) for name in names]
    # An empty plan has the columns too.
    columns = list(_over_tasks(table.iloc[:0]))
    return pd.DataFrame(found, index=names, columns=columns)


def _over_tasks(rows: pd.DataFrame) -> Record:
    counted = strata(rows)
    ended_well = bool((rows["score"].notna() & (rows["outcome"] == "ok")).any())
    # A generator of its own, so that a mechanism's interval does not depend on who else is in the table.
    overall = aggregate(list(counted.values()) if ended_well else [], np.random.default_rng(SEED))
    ended = rows[rows["counted"].notna()]
    return {
        "score": overall.value,
        "score_low": overall.low,
        "score_high": overall.high,
        "interval": overall.kind,
        "tasks": sum(values.size > 0 for values in counted.values()),
        "ended_well": ended_well,
        "solved": float(ended["steps_to_solve"].notna().mean()) if len(ended) else float("nan"),
        "steps_to_solve": float(ended["steps_to_solve"].median()),
    }


def _by_task(table: pd.DataFrame, names: list[str], tasks: list[str]) -> pd.DataFrame:
    found = []
    for name in names:
        rows = table[table["mechanism"] == name]
        shown = strata(rows, "score")
        for task in tasks:
            mean = mean_interval(shown.get(task, np.array([])))
            numbers = {"value": mean.value, "low": mean.low, "high": mean.high}
            ended = ending(rows.loc[rows["task"] == task, "outcome"])
            found.append({"mechanism": name, "task": task, **numbers, **ended._asdict()})
    return pd.DataFrame(found, columns=["mechanism", "task", "value", "low", "high", "word", "ill", "runs"])


def _gradients(results: Results) -> pd.DataFrame:
    table = initial_decays(results).set_index("mechanism")[list(OF_DECAY)].rename(columns=OF_DECAY)
    return table.astype({"decay": float, "horizon": float, "horizon_reach": float})


def initial_decays(results: Results) -> pd.DataFrame:
    """Return the decay of each untrained mechanism, at the longest length at which it was probed."""
    table = decays(results.frame[results.frame["stage"] == "initial"])
    return table.sort_values("length").drop_duplicates("mechanism", keep="last")


def _speeds(results: Results) -> pd.DataFrame:
    length = common_length(results.frame)
    table = speeds(results.frame)
    # Without a length that all have, each is shown at none rather than at one of its own.
    at = table[table["length"] == length] if length is not None else table.iloc[:0]
    values = at.pivot(index="mechanism", columns="quantity", values="value").reindex(columns=list(OF_SPEED))
    fitted = exponents(results.frame)
    times = fitted[fitted["quantity"] == "train"].set_index("mechanism")[list(OF_TIME)].rename(columns=OF_TIME)
    found = pd.concat([values.rename(columns=OF_SPEED).astype(float), times.astype(float)], axis=1)
    found.insert(len(OF_SPEED), "length", length)
    return found


def _sizes(results: Results) -> pd.DataFrame:
    """The number of parameters, ends included: the median over trials, since the ends differ by task."""
    sizes = results.frame[results.frame["quantity"] == "parameters"]
    trained = sizes[sizes["task"].notna()].groupby("mechanism")["value"].median()
    return pd.DataFrame({"parameters": trained.combine_first(sizes.groupby("mechanism")["value"].median())})
