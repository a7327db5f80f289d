from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, permutations
from typing import Any

import pandas as pd

from ..analysis.families import Family, families, mechanisms_of
from ..analysis.run import Run
from ..analysis.scaling import common_length, exponents, speeds
from ..store.formats import digits, short
from .figure import Lines
from .scaled import measured, scaled_lines, scaled_table
from .table import Column, Table
from .view import VIEWS, Finding, View, listed, span

QUANTITIES = ("train", "prefill", "decode")
CAPTION = (
    "Tokens per second (higher is faster) against the length of the sequence, both on logarithmic scales: of a whole "
    "training step (forward, backward, optimiser), of reading a sequence (prefill), and of generating one position "
    "after another (decoding). Points are medians of repeated timings, bands their quartiles. The legend gives the "
    "exponents of time: 1 means that twice the length takes twice the time, 2 that it takes four times."
)
TABLE_CAPTION = (
    "Medians at each length. The exponent is the log-log slope, over these lengths, of the time for a whole sequence "
    "(1: twice the length takes twice the time), with its 95 % interval."
)
STEPS = {"train": "a training step", "prefill": "prefill", "decode": "decoding"}


@VIEWS.register("throughput")
class ThroughputView(View):
    """Tokens per second of training, prefill and decoding, against the length."""

    title = "Throughput against length"
    needs = QUANTITIES
    order = 70

    def table(self, run: Run) -> Table | None:
        return scaled_table(run, QUANTITIES, TABLE_CAPTION)

    def figure(self, run: Run) -> Lines | None:
        data = speeds(run.frame, QUANTITIES)
        if data.empty:
            return None
        names = measured(data, QUANTITIES)
        fitted = exponents(run.frame, QUANTITIES)[["mechanism", "quantity", "exponent"]]
        data = data.merge(fitted, on=["mechanism", "quantity"], how="left")
        return scaled_lines(run, data, names, CAPTION, "tokens per second", f"exponents of time: {' / '.join(names)}")

    def findings(self, run: Run) -> Iterator[Finding]:
        yield from exponents_by_family(run)
        yield from growth_at_the_end(run)
        yield from transformer_or_recurrent(run)
        yield from additive_or_dot(run)

    def columns(self, run: Run) -> Iterator[Column]:
        rows, length = speeds(run.frame, QUANTITIES), common_length(run.frame)
        # Without a length that all have, each is shown at none rather than at one of its own.
        at = rows[rows["length"] == length].set_index("mechanism")
        for quantity, importance in (("train", 8), ("decode", 2)):
            timed = at[at["quantity"] == quantity]
            yield Column.of(f"{quantity} tokens/s at {length}", timed, "value", short, importance)
        fitted = exponents(run.frame, ("train",)).set_index("mechanism")
        yield Column.of("time exponent", fitted, "exponent", digits(2), 3, low="low", high="high")


def exponents_by_family(run: Run) -> list[Finding]:
    """How the time of a training step grows with the length, by family."""
    fitted = exponents(run.frame, ("train",))
    # Two lengths give a slope without an interval: no claim.
    fitted = fitted[fitted["low"].notna()]
    parts = []
    for family in families(run.trials):
        values = fitted.loc[fitted["mechanism"].isin(family.mechanisms), "exponent"]
        if len(values):
            name = "the models without an alignment" if family.every is None else family.title
            parts.append(f"{span(float(values.min()), float(values.max()))} for {name}")
    if not parts:
        return []
    lengths = speeds(run.frame, ("train",))["length"]
    between = f"lengths {lengths.min()} to {lengths.max()}"
    text = f"The time of a training step grows with the length to the power of {listed(parts)} ({between})."
    return [Finding(text, 30)]


def growth_at_the_end(run: Run) -> list[Finding]:
    """By what the time of a training step is multiplied over the last two lengths, where fixed costs weigh least."""
    table = speeds(run.frame, ("train",))
    lengths = sorted({int(length) for length in table["length"]})[-2:]
    names = [*_recurrent(run), *_transformers(run, "scaled_dot"), *_transformers(run, "additive")]
    parts = []
    for name in names if len(lengths) == 2 else []:
        rates = table[table["mechanism"] == name].set_index("length")["value"]
        if set(lengths) <= set(rates.index):
            factor = lengths[1] / lengths[0] * rates[lengths[0]] / rates[lengths[1]]
            parts.append(f"{factor:.1f} for {name}")
    if len(parts) < 2:
        return []
    text = f"From length {lengths[0]} to {lengths[1]} the time of a training step is multiplied by {listed(parts)}."
    return [Finding(text, 30)]


def _recurrent(run: Run) -> list[str]:
    return [name for model in ("lstm", "gru") for name in mechanisms_of(run.trials, model)]


def _transformers(run: Run, alignment: str) -> list[str]:
    return mechanisms_of(run.trials, "transformer", alignment)


def transformer_or_recurrent(run: Run) -> list[Finding]:
    """Up to which length a transformer is faster than a recurrent network, or from which on."""
    table = speeds(run.frame, QUANTITIES)
    found = []
    for transformer in [*_transformers(run, "scaled_dot"), *_transformers(run, "additive")][:1]:
        for quantity, step in STEPS.items():
            told = [_faster(_pairs(table, transformer, name, quantity), name) for name in _recurrent(run)]
            said = [each for each in told if each]
            if said:
                found.append(Finding(f"In {step}, {transformer} is {'; it is '.join(said)}.", 20))
    return found


def additive_or_dot(run: Run) -> list[Finding]:
    """What the additive score costs beside the dot product, in each host."""
    table, length = speeds(run.frame, QUANTITIES), common_length(run.frame)
    found = []
    for family in families(run.trials):
        alike = _alike(run, family)
        pairs = _pairs(table, *alike, "train") if alike else []
        at = [row for row in pairs if row["length"] == length]
        if alike and at and _verdict(at[0]) != 0:
            ratio = at[0]["value_1"] / at[0]["value_2"]
            fast, slow = alike if ratio > 1 else alike[::-1]
            times = f"{max(ratio, 1 / ratio):.1f} times"
            text = f"A training step of {slow} takes {times} as long as one of {fast} at length {length}."
            found.append(Finding(text, 25))
    return found


def _alike(run: Run, family: Family) -> tuple[str, str] | None:
    """Return the first two of a family that differ in their score alone: a dot product, and the additive score."""
    rows = run.trials[run.trials["mechanism"].isin(family.mechanisms)].drop_duplicates("mechanism")
    score = dict(zip(rows["mechanism"], rows["mechanism.alignment"], strict=True))
    others = {row["mechanism"]: _but_the_score(row) for row in rows.to_dict("records")}
    pairs = (
        (one, other)
        for product in ("scaled_dot", "dot")
        for one, other in permutations(score, 2)
        if score[one] == product and score[other] == "additive" and others[one] == others[other]
    )
    return next(pairs, None)


def _but_the_score(row: Mapping[Any, Any]) -> list[str]:
    settings = {key: value for key, value in row.items() if key.startswith("mechanism.")}
    return [str(value) for key, value in settings.items() if not key.startswith("mechanism.alignment")]


def _pairs(table: pd.DataFrame, one: str, other: str, quantity: str) -> Sequence[Mapping[Any, Any]]:
    rows = table[table["quantity"] == quantity]
    first, second = rows[rows["mechanism"] == one], rows[rows["mechanism"] == other]
    return first.merge(second, on="length", suffixes=("_1", "_2")).sort_values("length").to_dict("records")


def _verdict(pair: Mapping[Any, Any]) -> int:
    """Return 1 where the first is faster beyond the quartiles of both, -1 where the second is, else 0."""
    if pair["low_1"] > pair["high_2"]:
        return 1
    return -1 if pair["high_1"] < pair["low_2"] else 0


def _faster(pairs: Sequence[Mapping[Any, Any]], other: str) -> str:
    """Return "faster than lstm up to length 128 (2 times at 64) and slower from ...", or "" where unclear."""
    told = [(pair, _verdict(pair)) for pair in pairs if _verdict(pair) != 0]
    runs = [list(group) for _, group in groupby(told, key=lambda item: item[1])]
    if len(told) < 2 or len(runs) > 2:
        return ""
    parts = []
    for place, run in enumerate(runs):
        first, last = run[0][0], run[-1][0]
        far = first if place == 0 else last
        ratio = max(far["value_1"] / far["value_2"], far["value_2"] / far["value_1"])
        where = f"from length {first['length']} to {last['length']}"
        if len(runs) == 2:
            where = f"up to length {last['length']}" if place == 0 else f"from {first['length']} on"
        word = "faster" if run[0][1] > 0 else "slower"
        parts.append(f"{word}{f' than {other}' if place == 0 else ''} {where} ({ratio:.1f} times at {far['length']})")
    return listed(parts)
