"""The ranked table in numbers: one row a mechanism.

The order: first the mechanisms that have ended on every task they were planned for, by score; then those
of which tasks are skipped or still to run, for a mean over other tasks is no fair comparison; last those
of which nothing ended well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pandas as pd

from .decay import decays
from .intervals import Floats, Interval, aggregate, mean_interval
from .records import Record, records
from .run import Results
from .scaling import common_length, exponents, speeds
from .scores import scores, word

SEED = 20210823  # of the bootstrap: the same results give the same intervals


@lru_cache(maxsize=2)
def ranked(results: Results) -> pd.DataFrame:
    """Return one row a mechanism, best first.

    Columns: rank, mechanism, model, alignment, origin, score (interquartile mean of the normalised score
    over tasks and seeds), score_low, score_high, interval (its kind, see intervals.Interval), tasks (how
    many count), solved (share of runs that solved their task), steps_to_solve (median of those that did);
    for each task T: T, T_low, T_high, T_word (how runs ended that did not end well); decay (nats per
    position), horizon (positions, inf: not reached), horizon_reach, verdict, at initialisation;
    train_tokens, decode_tokens (per second) and peak_memory (bytes) at the largest common length, which is
    `length`; time_exponent with low and high; parameters.
    """
    table = scores(results.cells, results.frame)
    lookups = [_scores(results, table), _gradients(results), _speeds(results), _sizes(results)]
    rows = [{**row, **_merged(lookups, row["mechanism"])} for row in _identities(results)]
    # An empty plan has the columns too.
    columns = ["mechanism", "model", "alignment", "origin", *_merged(lookups, "")]
    ranking = pd.DataFrame(rows, columns=columns).assign(group=[_group(row, results.tasks) for row in rows])
    order = ranking.sort_values(["group", "score", "mechanism"], ascending=[True, False, True], ignore_index=True)
    order.insert(0, "rank", range(1, len(order) + 1))
    return order.drop(columns="group")


def _identities(results: Results) -> list[Record]:
    # A mechanism that the plan leaves out altogether stands with its reason among the skipped, and has no rank.
    cells = results.all_cells
    each = cells[cells["task"].notna() | (cells["outcome"] != "skipped")].drop_duplicates("mechanism")
    return records(each[["mechanism", "model", "alignment", "origin"]])


def _merged(lookups: list[Callable[[str], Record]], mechanism: str) -> Record:
    return {key: value for lookup in lookups for key, value in lookup(mechanism).items()}


def _group(row: Record, tasks: list[str]) -> int:
    if not row["ended_well"]:
        return 2
    return 0 if row["tasks"] == len(tasks) else 1


def strata(table: pd.DataFrame, mechanism: str, column: str = "counted") -> dict[str, Floats]:
    """Return the scores of a mechanism by task, of every seed that counts, in the order of the seeds."""
    rows = table[table["mechanism"] == mechanism].sort_values("seed")
    return {str(task): group[column].dropna().to_numpy(dtype=float) for task, group in rows.groupby("task", sort=False)}


def _scores(results: Results, table: pd.DataFrame) -> Callable[[str], Record]:
    def of(mechanism: str) -> Record:
        rows = table[table["mechanism"] == mechanism]
        counted = strata(table, mechanism)
        ended_well = bool((rows["score"].notna() & (rows["outcome"] == "ok")).any())
        # A generator of its own, so that a mechanism's interval does not depend on who else is in the table.
        overall = aggregate(list(counted.values()), np.random.default_rng(SEED)) if ended_well else None
        found: Record = _named("score", overall) | {"interval": overall.kind if overall else "none"}
        found |= {"tasks": sum(values.size > 0 for values in counted.values()), "ended_well": ended_well}
        ended = rows[rows["counted"].notna()]
        found["solved"] = float(ended["steps_to_solve"].notna().mean()) if len(ended) else float("nan")
        found["steps_to_solve"] = float(ended["steps_to_solve"].median())
        shown = strata(table, mechanism, "score")
        for task in results.tasks:
            values = shown.get(task, np.array([]))
            found |= _named(task, mean_interval(values))
            found[f"{task}_word"] = word(rows.loc[rows["task"] == task, "outcome"])
        return found

    return of


def _named(name: str, interval: Interval | None) -> Record:
    value, low, high = interval[:3] if interval else (float("nan"),) * 3
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _gradients(results: Results) -> Callable[[str], Record]:
    untrained = initial_decays(results).set_index("mechanism")

    def of(mechanism: str) -> Record:
        if mechanism not in untrained.index:
            return {"decay": float("nan"), "horizon": float("nan"), "horizon_reach": float("nan"), "verdict": ""}
        row = untrained.loc[mechanism]
        return {
            "decay": row["rate"],
            "horizon": row["horizon"],
            "horizon_reach": row["reach"],
            "verdict": row["verdict"],
        }

    return of


def initial_decays(results: Results) -> pd.DataFrame:
    """Return the decay of each untrained mechanism, at the longest length at which it was probed."""
    table = decays(results.frame[results.frame["stage"] == "initial"])
    return table.sort_values("length").drop_duplicates("mechanism", keep="last")


def _speeds(results: Results) -> Callable[[str], Record]:
    table = speeds(results.frame)
    length = common_length(results.frame)
    # Without a length that all have, each is shown at none rather than at one of its own.
    at = table[table["length"] == length] if length is not None else table.iloc[:0]
    values = at.set_index(["mechanism", "quantity"])["value"]
    fitted = exponents(results.frame)
    times = fitted[fitted["quantity"] == "train"].set_index("mechanism")

    def of(mechanism: str) -> Record:
        get = partial(values.get, default=float("nan"))
        names = {"train_tokens": "train", "decode_tokens": "decode", "peak_memory": "peak_memory"}
        found: Record = {name: get((mechanism, quantity)) for name, quantity in names.items()}
        found["length"] = length
        has = mechanism in times.index
        for name, column in {
            "time_exponent": "exponent",
            "time_exponent_low": "low",
            "time_exponent_high": "high",
        }.items():
            found[name] = times.loc[mechanism, column] if has else float("nan")
        return found

    return of


def _sizes(results: Results) -> Callable[[str], Record]:
    """The number of parameters, ends included: the median over cells, since the ends differ by task."""
    sizes = results.frame[results.frame["quantity"] == "parameters"]
    trained = sizes[sizes["kind"] == "train"]
    values = (trained if len(trained) else sizes).groupby("mechanism")["value"].median()
    others = sizes.groupby("mechanism")["value"].median()

    def of(mechanism: str) -> Record:
        return {"parameters": values.get(mechanism, others.get(mechanism, float("nan")))}

    return of
