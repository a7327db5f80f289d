"""What the timings of a run say in sentences.

Two mechanisms are compared within the rounds of one session only (`results/analysis/timings.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, permutations
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.families import Family, families, mechanisms_of
from ..analysis.intervals import mean_interval
from ..analysis.run import Run
from ..analysis.scaling import common_length, exponents, speeds
from ..analysis.timings import Pair, compare, moved
from ..store.formats import digits, spread
from .view import Finding, listed, span

STEPS = {"train": "a training step", "prefill": "prefill", "decode": "decoding"}
KINDS = {"t": " (in brackets 95 % intervals over the rounds)", "range": " (in brackets the range of the rounds)"}


def speed_findings(run: Run) -> Iterator[Finding]:
    yield from exponents_by_family(run)
    yield from growth_at_the_end(run)
    yield from comparisons(run)
    if names := moved(run.frame):
        were = "was timed in another session than the rest: its" if len(names) == 1 else "were timed in others: their"
        text = f"Speeds are compared within a session. {listed(names)} {were} speeds are scaled by a reference job."
        yield Finding(text)


def comparisons(run: Run) -> Iterator[Finding]:
    """All sentences that say that one mechanism is faster than another."""
    crossings, scores, added = _transformer_and_recurrent(run), _additive_and_dot(run), _added_and_built_in(run)
    # Together, because Holm's procedure counts everything that could be printed.
    compared = compare(run.frame, [*crossings, *scores, *added])
    yield from transformer_or_recurrent(compared, crossings)
    yield from additive_or_dot(compared, scores)
    yield from added_or_built_in(compared, added)


def exponents_by_family(run: Run) -> Iterator[Finding]:
    """How the time of a training step grows with the length, by family."""
    fitted = exponents(run, ("train",))
    # Two lengths do not show whether the growth is a power of the length: no claim.
    fitted = fitted[fitted["low"].notna() & (fitted["lengths"] > 2)]
    parts = []
    for family in families(run.trials):
        values = fitted.loc[fitted["mechanism"].isin(family.mechanisms), "exponent"]
        if len(values):
            name = "the models without an alignment" if family.every is None else family.title
            parts.append(f"{span(float(values.min()), float(values.max()))} for {name}")
    if parts:
        lengths = speeds(run, ("train",))["length"]
        between = f"lengths {lengths.min()} to {lengths.max()}"
        text = f"The time of a training step grows with the length to the power of {listed(parts)} ({between})."
        yield Finding(text, 30)


def growth_at_the_end(run: Run) -> Iterator[Finding]:
    """By what the time of a training step is multiplied over the last two lengths, where fixed costs weigh least."""
    timed = run.frame[(run.frame["quantity"] == "train") & (run.frame["value"] > 0)]
    lengths = sorted({int(length) for length in timed["length"].dropna()})[-2:]
    names = [*_recurrent(run), *_transformers(run, "scaled_dot"), *_transformers(run, "additive")]
    parts, kinds = [], set()
    for name in names if len(lengths) == 2 else []:
        rows = timed[timed["mechanism"] == name]
        # Both lengths of a round are of one process, so their ratio is that of any session.
        rates = rows.pivot_table(index="trial", columns="length", values="value").reindex(columns=lengths).dropna()
        if len(rates):
            factors = lengths[1] / lengths[0] * rates[lengths[0]] / rates[lengths[1]]
            *interval, kind = mean_interval(np.log(factors.to_numpy(dtype=float)))
            value, low, high = (round(math.exp(each), 1) for each in interval)
            parts.append(f"{spread(value, low, high, digits(1))} for {name}")
            kinds |= {kind} if low < high else set()
    if len(parts) > 1:
        explained = "".join(text for kind, text in KINDS.items() if kinds == {kind})
        text = f"From length {lengths[0]} to {lengths[1]} the time of a training step is multiplied by {listed(parts)}"
        yield Finding(f"{text}{explained}.", 30)


def _recurrent(run: Run) -> list[str]:
    return [name for model in ("lstm", "gru") for name in mechanisms_of(run.trials, model)]


def _transformers(run: Run, alignment: str) -> list[str]:
    return mechanisms_of(run.trials, "transformer", alignment)


def _transformer_and_recurrent(run: Run) -> list[Pair]:
    transformers = [*_transformers(run, "scaled_dot"), *_transformers(run, "additive")][:1]
    return [Pair(one, other, step) for one in transformers for step in STEPS for other in _recurrent(run)]


def transformer_or_recurrent(compared: pd.DataFrame, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Up to which length a transformer is faster than a recurrent network, or from which on."""
    for (one, step), group in groupby(pairs, key=lambda pair: (pair.one, pair.quantity)):
        told = [_faster(_rows(compared, pair), pair.other) for pair in group]
        said = [each for each in told if each]
        if said:
            yield Finding(f"In {STEPS[step]}, {one} is {'; it is '.join(said)}.", 20)


def _faster(rows: Sequence[Mapping[Any, Any]], other: str) -> str:
    """Return "faster than lstm up to length 128 (2 times at 64) and slower from ...", or "" where unclear."""
    claimed = [row for row in rows if row["sign"]]
    runs = [list(group) for _, group in groupby(claimed, key=lambda row: row["sign"])]
    if len(claimed) < 2 or len(runs) > 2:
        return ""
    measured = [row["length"] for row in rows]
    parts = []
    for place, run in enumerate(runs):
        lengths = [row["length"] for row in run]
        far = run[0] if place == 0 else run[-1]
        where = f"from length {lengths[0]} to {lengths[-1]}"
        if len(runs) == 2:
            where = f"up to length {lengths[-1]}" if place == 0 else f"from {lengths[0]} on"
        if lengths != _between(measured, lengths, open_at=(place if len(runs) == 2 else None)):
            where = f"at {'length' if len(lengths) == 1 else 'lengths'} {listed(map(str, lengths))}"
        word = "faster" if run[0]["sign"] > 0 else "slower"
        parts.append(f"{word}{f' than {other}' if place == 0 else ''} {where} ({_times(far)} at {far['length']})")
    return listed(parts)


def _between(measured: Sequence[int], lengths: Sequence[int], open_at: int | None) -> list[int]:
    """Return the measured lengths that "from ... to ..." covers, or "up to" (open_at 0) or "from ... on" (1)."""
    low = measured[0] if open_at == 0 else lengths[0]
    high = measured[-1] if open_at == 1 else lengths[-1]
    return [length for length in measured if low <= length <= high]


def _times(row: Mapping[Any, Any]) -> str:
    return f"{max(row['ratio'], 1 / row['ratio']):.1f} times"


def _additive_and_dot(run: Run) -> list[Pair]:
    alike = [_alike(run, family) for family in families(run.trials)]
    length = common_length(run)
    return [Pair(*each, "train", length) for each in alike if each and length is not None]


def additive_or_dot(compared: pd.DataFrame, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """What the additive score costs beside the dot product, in each host."""
    for pair in pairs:
        for row in _rows(compared, pair):
            if row["sign"]:
                fast, slow = (pair.one, pair.other)[:: int(row["sign"])]
                text = (
                    f"A training step of {slow} takes {_times(row)} as long as one of {fast} at length {pair.length}."
                )
                yield Finding(text, 25)


def _added_and_built_in(run: Run) -> list[Pair]:
    """Return each mechanism of a plug-in with each built-in one of its family that has the same settings otherwise."""
    length = common_length(run)
    # A trained mechanism may have its origin from a task that a plug-in adds.
    rows = run.trials[run.trials["task"].isna()].drop_duplicates("mechanism").set_index("mechanism")
    pairs = []
    for family in families(run.trials) if length is not None else ():
        of_family = rows.loc[[name for name in family.mechanisms if name in rows.index]]
        settings = {str(name): _but_the_score(row) for name, row in of_family.to_dict("index").items()}
        added = dict(of_family["origin"].notna())
        pairs += [
            Pair(one, other, "train", length)
            for one, other in permutations(settings, 2)
            if added[one] and not added[other] and settings[one] == settings[other]
        ]
    return pairs


def added_or_built_in(compared: pd.DataFrame, pairs: Sequence[Pair]) -> Iterator[Finding]:
    """Whether a training step of a plug-in is slower or faster than those of the built-in mechanisms it can replace."""
    for (one, length), group in groupby(pairs, key=lambda pair: (pair.one, pair.length)):
        rows = [row for pair in group for row in _rows(compared, pair) if row["sign"]]
        parts = [
            f"{word} than {listed(others)}"
            for word, sign in (("slower", -1), ("faster", 1))
            if (others := [f"one of {row['other']} ({_times(row)})" for row in rows if row["sign"] == sign])
        ]
        if parts:
            yield Finding(f"A training step of {one} is {listed(parts)} at length {length}.", 25)


def _rows(compared: pd.DataFrame, pair: Pair) -> Sequence[Mapping[Any, Any]]:
    named = (compared["one"] == pair.one) & (compared["other"] == pair.other) & (compared["quantity"] == pair.quantity)
    at = compared[named] if pair.length is None else compared[named & (compared["length"] == pair.length)]
    return at.to_dict("records")


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
