"""The tables as people read them: frames of text, whose columns are their headings."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from .formats import ABSENT, count, horizon, number, rate, short, spread
from .gradients import decays
from .lengths import by_length, shown_by_length
from .ranking import ranked
from .records import Record, records
from .run import Results
from .scaling import TIMES, exponents, speeds
from .selection import windows


@dataclass(frozen=True)
class Table:
    """A table called `name`: `text` is what is shown, `numbers` what goes into its CSV file."""

    name: str
    title: str
    reading: str
    text: pd.DataFrame
    numbers: pd.DataFrame


def tables(results: Results, ranking: pd.DataFrame | None = None) -> list[Table]:
    """Return the tables that have rows."""
    ranking = ranked(results) if ranking is None else ranking
    made = [ranked_table(results, ranking), tested(results), speed(results), cost(results)]
    made += [gradient(results), rates(results), outcomes(results)]
    return [table for table in made if len(table.text)]


def ranked_table(results: Results, ranking: pd.DataFrame) -> Table:
    text = pd.DataFrame(
        {
            "rank": ranking["rank"].astype(str),
            "mechanism": ranking["mechanism"],
            "score": [_score(row, len(results.tasks)) for row in records(ranking)],
        }
    )
    rows = records(ranking)
    for task in results.tasks:
        text[task] = [_of_task(row, task) for row in rows]
    text["steps to solve"] = [_solved(row["steps_to_solve"], row["solved"]) for row in rows]
    text["gradient decay"] = [number(row["decay"], 3) for row in rows]
    text["horizon"] = [horizon(row["horizon"], row["horizon_reach"]) for row in rows]
    text["train tokens/s"] = ranking["train_tokens"].map(short)
    text["decode tokens/s"] = ranking["decode_tokens"].map(short)
    text["peak memory (MB)"] = (ranking["peak_memory"] / 1e6).map(short)
    text["time exponent"] = ranking["time_exponent"].map(number)
    text["parameters"] = ranking["parameters"].map(count)
    return Table("ranking", "Ranking", _ranking_reading(ranking), _without_empty(text), ranking)


def tested(results: Results) -> Table:
    numbers = by_length(results)
    reading = (
        "The mean over seeds on test data at each length, in each metric's own unit, in brackets the interval over "
        "seeds. Exact match is the share of examples without an error; the floor of the nats is the entropy of the "
        "same words under the law they were drawn from; decoded means that the network goes on from its own answers."
    )
    return Table("by_length", "Test metrics by length", reading, shown_by_length(numbers), numbers)


def speed(results: Results) -> Table:
    rows = speeds(results.frame)
    fitted = {(row["mechanism"], row["quantity"]): row for row in records(exponents(results.frame))}
    found = []
    for (mechanism, quantity), group in rows.groupby(["mechanism", "quantity"], sort=False):
        scale = 1.0 if quantity in TIMES else 1e6
        unit = "tokens/s" if quantity in TIMES else "MB"
        values = {f"at {row['length']}": short(row["value"] / scale) for row in records(group)}
        line = fitted[str(mechanism), str(quantity)]
        slope = spread(line["exponent"], line["low"], line["high"])
        found.append(
            {
                "mechanism": mechanism,
                "quantity": f"{str(quantity).replace('_', ' ')} ({unit})",
                **values,
                "exponent": slope,
            }
        )
    lengths = sorted({int(length) for length in rows["length"]})
    columns = ["mechanism", "quantity", *(f"at {length}" for length in lengths), "exponent"]
    text = pd.DataFrame(found, columns=columns).fillna(ABSENT)
    reading = (
        "Medians at each length. The exponent is the log-log slope over these lengths with its 95 % interval: of the "
        "time for a whole sequence for train, prefill and decode (1: twice the length takes twice the time), of the "
        "megabytes for peak memory and state."
    )
    slopes = exponents(results.frame)[["mechanism", "quantity", "exponent", "low", "high"]]
    slopes = slopes.rename(columns={"low": "exponent_low", "high": "exponent_high"})
    numbers = rows.merge(slopes, on=["mechanism", "quantity"], how="left")
    return Table("speed", "Speed and memory", reading, text, numbers)


COSTS = {
    "flops_counted": "operations/token, counted",
    "flops_analytic": "operations/token, by formula",
    "state": "decoding state (bytes)",
}


def cost(results: Results) -> Table:
    rows = results.frame[(results.frame["probe"] == "cost") & results.frame["length"].notna()]
    numbers = rows.groupby(["mechanism", "quantity", "length"], sort=False)["value"].median().reset_index()
    sizes = results.frame[(results.frame["quantity"] == "parameters") & (results.frame["kind"] != "train")]
    parameters = sizes.groupby("mechanism")["value"].median()
    found = []
    for (mechanism, quantity), group in numbers.groupby(["mechanism", "quantity"], sort=False):
        values = {f"at {row['length']}": short(row["value"]) for row in records(group)}
        named = {"mechanism": mechanism, "parameters": count(parameters.get(mechanism, float("nan")))}
        found.append({**named, "quantity": COSTS.get(str(quantity), quantity), **values})
    lengths = sorted({int(length) for length in numbers["length"]})
    columns = ["mechanism", "parameters", "quantity", *(f"at {length}" for length in lengths)]
    reading = (
        "What one forward of each length costs, half of it source and half queries; embeddings and readout are neither "
        "in that nor in the parameters. "
        "Operations are those of matrix products and convolutions, a multiplication and an addition counting as two: "
        "counted by torch, and from the formula where the model gives one. The decoding state is what is carried for "
        "one sequence behind so many positions."
    )
    return Table("cost", "Operations and state", reading, pd.DataFrame(found, columns=columns).fillna(ABSENT), numbers)


def gradient(results: Results) -> Table:
    rows = decays(results.frame)
    order = {name: place for place, name in enumerate(results.mechanisms)}
    rows = rows.sort_values(
        ["stage", "task", "mechanism"],
        key=lambda column: column.map(order) if column.name == "mechanism" else column,
        ignore_index=True,
    )
    text = pd.DataFrame(
        {
            "mechanism": rows["mechanism"],
            "network": rows["stage"].where(rows["task"].isna(), rows["stage"] + " on " + rows["task"].fillna("")),
            "length": rows["length"].map(count),
            "decay (nats/position)": [spread(row["rate"], row["low"], row["high"], 4) for row in records(rows)],
            "horizon": [horizon(row["horizon"], row["reach"]) for row in records(rows)],
            "verdict": rows["verdict"],
        }
    )
    reading = (
        "The decay is the slope of the logarithm of the gradient norm over distance (Theil-Sen, with its 95 % "
        "interval): 0.1 means that the gradient loses a factor e every ten positions. The horizon is the distance at "
        "which 1 % of it is left. The verdict says whether over the distances measured it falls below 1/100, rises "
        "above 100 or neither."
    )
    return Table("gradients", "Gradient flow", reading, text, rows)


def rates(results: Results) -> Table:
    rows = windows(results.rates)
    if results.rates["learning_rate"].nunique() < 2:
        rows = rows.iloc[:0]
    text = pd.DataFrame(
        {
            "mechanism": rows["mechanism"],
            "task": rows["task"],
            "learning rate": rows["learning_rate"].map(rate),
            "as good from": rows["low"].map(rate),
            "as good to": rows["high"].map(rate),
        }
    )
    reading = (
        "The learning rate that did best on validation data, and the range of rates tried that came within five points "
        "of it: the wider, the easier the mechanism is to train."
    )
    return Table("learning_rates", "Learning rates", reading, text, results.rates)


def outcomes(results: Results) -> Table:
    """Every planned cell, of all learning rates, that did not end well, alike ones in one row."""
    rows = results.all_cells[results.all_cells["outcome"] != "ok"].copy()
    rows["outcome"] = rows["outcome"].fillna("not run yet")
    rows["reason"] = rows["reason"].fillna("")
    rows["where"] = rows["task"].fillna(rows["kind"])
    grouped = rows.groupby(["outcome", "mechanism", "where", "reason"], sort=False).size().reset_index(name="cells")
    order = {"skipped": 1, "not run yet": 2}
    grouped = grouped.sort_values(
        "outcome", key=lambda column: column.map(order).fillna(0), kind="stable", ignore_index=True
    )
    text = grouped.rename(columns={"where": "task"})[["mechanism", "task", "outcome", "cells", "reason"]]
    reading = "Cells (a mechanism, task, seed and learning rate) that gave no result, and why."
    return Table("outcomes", "Skipped and failed", reading, text.astype({"cells": str}), grouped)


def _score(row: Record, tasks: int) -> str:
    if row["score"] != row["score"]:
        return ABSENT
    part = f" ({int(row['tasks'])} of {tasks} tasks)" if row["tasks"] < tasks else ""
    return spread(row["score"], row["score_low"], row["score_high"]) + part


def _of_task(row: Record, task: str) -> str:
    """Return the number, the outcome's word where there is none, or both where some runs ended badly."""
    shown, words = spread(row[task], row[f"{task}_low"], row[f"{task}_high"]), row[f"{task}_word"]
    if row[task] != row[task]:
        return str(words)
    return f"{shown} ({words})" if words else shown


def _solved(steps: float, share: float) -> str:
    if share != share:
        return ABSENT
    return f"{steps:.0f} ({share:.0%})" if share > 0 else "never"


def _without_empty(text: pd.DataFrame) -> pd.DataFrame:
    return text[
        [column for column in text if column in ("rank", "mechanism", "score") or (text[column] != ABSENT).any()]
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
