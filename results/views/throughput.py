"""Tokens per second against length, of training, prefill and decoding: table, figure, and what the timings say."""

from __future__ import annotations

from itertools import groupby, permutations
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..analysis.families import Family, families, mechanisms_of
from ..analysis.records import Record, records
from ..analysis.run import Results
from ..analysis.scaling import TIMES, common_length, exponents, speeds
from ..store.formats import ABSENT, short, spread
from .view import Finding, Table, listed, span

if TYPE_CHECKING:
    from ..charts.files import Drawing

TITLES = {"train": "training step", "prefill": "prefill", "decode": "decoding"}
READING = (
    "Tokens per second (higher is faster) against the length of the sequence, both on logarithmic scales: of a whole "
    "training step (forward, backward, optimiser), of reading a sequence (prefill), and of generating one position "
    "after another (decoding). Points are medians of repeated timings, bands their quartiles. The legend gives the "
    "exponents of time: 1 means that twice the length takes twice the time, 2 that it takes four times."
)
STEPS = {"train": "a training step", "prefill": "prefill", "decode": "decoding"}


def table(results: Results) -> Table:
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


def figure(results: Results) -> Drawing | None:
    from ..charts.files import Drawing
    from ..charts.lines import Panels, grid

    data = speeds(results.frame)
    data = data[data["quantity"].isin(TIMES)]
    if data.empty:
        return None
    fitted = exponents(results.frame).set_index(["mechanism", "quantity"])["exponent"]
    rows = {quantity: TITLES[quantity] for quantity in TIMES if (data["quantity"] == quantity).any()}

    def note(mechanism: str) -> str:
        found = [fitted.get((mechanism, quantity)) for quantity in rows]
        return "   " + " / ".join("-" if value is None or value != value else f"{value:.2f}" for value in found)

    title = f"exponents of time: {' / '.join(rows)}"
    labels: dict[str, Any] = {"x": "length", "x_label": "length (positions)", "y_label": "tokens per second"}
    shape: dict[str, Any] = {"log_x": True, "log_y": True, "markers": True}
    drawn, _ = grid(results, Panels(data, "quantity", rows, note=note, legend_title=title, **labels, **shape))
    data = data.merge(fitted.reset_index(), on=["mechanism", "quantity"], how="left")
    return Drawing("throughput", "Throughput against length", READING, drawn, data.reset_index(drop=True))


def exponents_by_family(results: Results) -> list[Finding]:
    """How the time of a training step grows with the length, by family."""
    fitted = exponents(results.frame)
    # Two lengths give a slope without an interval: no claim.
    fitted = fitted[(fitted["quantity"] == "train") & fitted["low"].notna()]
    parts = []
    for family in families(results.trials):
        values = fitted.loc[fitted["mechanism"].isin(family.mechanisms), "exponent"]
        if len(values):
            name = "the models without an alignment" if family.every is None else family.title
            parts.append(f"{span(float(values.min()), float(values.max()))} for {name}")
    if not parts:
        return []
    lengths = speeds(results.frame).query("quantity == 'train'")["length"]
    between = f"lengths {lengths.min()} to {lengths.max()}"
    text = f"The time of a training step grows with the length to the power of {listed(parts)} ({between})."
    return [Finding("cost", text)]


def growth_at_the_end(results: Results) -> list[Finding]:
    """By what the time of a training step is multiplied over the last two lengths, where fixed costs weigh least."""
    table = speeds(results.frame).query("quantity == 'train'")
    lengths = sorted({int(length) for length in table["length"]})[-2:]
    names = [*_recurrent(results), *_transformers(results, "scaled_dot"), *_transformers(results, "additive")]
    parts = []
    for name in names if len(lengths) == 2 else []:
        rates = table[table["mechanism"] == name].set_index("length")["value"]
        if set(lengths) <= set(rates.index):
            factor = lengths[1] / lengths[0] * rates[lengths[0]] / rates[lengths[1]]
            parts.append(f"{factor:.1f} for {name}")
    if len(parts) < 2:
        return []
    text = f"From length {lengths[0]} to {lengths[1]} the time of a training step is multiplied by {listed(parts)}."
    return [Finding("cost", text)]


def _recurrent(results: Results) -> list[str]:
    return [name for model in ("lstm", "gru") for name in mechanisms_of(results.trials, model)]


def _transformers(results: Results, alignment: str) -> list[str]:
    return mechanisms_of(results.trials, "transformer", alignment)


def transformer_or_recurrent(results: Results) -> list[Finding]:
    """Up to which length a transformer is faster than a recurrent network, or from which on."""
    table = speeds(results.frame)
    found = []
    for transformer in [*_transformers(results, "scaled_dot"), *_transformers(results, "additive")][:1]:
        for quantity, step in STEPS.items():
            told = [_faster(_pairs(table, transformer, name, quantity), name) for name in _recurrent(results)]
            said = [each for each in told if each]
            if said:
                found.append(Finding("cost", f"In {step}, {transformer} is {'; it is '.join(said)}."))
    return found


def additive_or_dot(results: Results) -> list[Finding]:
    """What the additive score costs beside the dot product, in each host."""
    table, length = speeds(results.frame), common_length(results.frame)
    found = []
    for family in families(results.trials):
        alike = _alike(results, family)
        pairs = _pairs(table, *alike, "train") if alike else []
        at = [row for row in pairs if row["length"] == length]
        if alike and at and _verdict(at[0]) != 0:
            ratio = at[0]["value_1"] / at[0]["value_2"]
            fast, slow = alike if ratio > 1 else alike[::-1]
            times = f"{max(ratio, 1 / ratio):.1f} times"
            found.append(
                Finding("cost", f"A training step of {slow} takes {times} as long as one of {fast} at length {length}.")
            )
    return found


def _alike(results: Results, family: Family) -> tuple[str, str] | None:
    """Return the first two of a family that differ in their score alone: a dot product, and the additive score."""
    rows = results.trials[results.trials["mechanism"].isin(family.mechanisms)].drop_duplicates("mechanism")
    score = dict(zip(rows["mechanism"], rows["mechanism.alignment"], strict=True))
    others = {row["mechanism"]: _but_the_score(row) for row in records(rows)}
    pairs = (
        (one, other)
        for product in ("scaled_dot", "dot")
        for one, other in permutations(score, 2)
        if score[one] == product and score[other] == "additive" and others[one] == others[other]
    )
    return next(pairs, None)


def _but_the_score(row: Record) -> list[str]:
    settings = {key: value for key, value in row.items() if key.startswith("mechanism.")}
    return [str(value) for key, value in settings.items() if not key.startswith("mechanism.alignment")]


def _pairs(table: pd.DataFrame, one: str, other: str, quantity: str) -> list[Record]:
    rows = table[table["quantity"] == quantity]
    first, second = rows[rows["mechanism"] == one], rows[rows["mechanism"] == other]
    return records(first.merge(second, on="length", suffixes=("_1", "_2")).sort_values("length"))


def _verdict(pair: Record) -> int:
    """Return 1 where the first is faster beyond the quartiles of both, -1 where the second is, else 0."""
    if pair["low_1"] > pair["high_2"]:
        return 1
    return -1 if pair["high_1"] < pair["low_2"] else 0


def _faster(pairs: list[Record], other: str) -> str:
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
