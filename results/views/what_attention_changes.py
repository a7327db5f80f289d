from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd

from ..analysis.compare import Difference, Pair, means
from ..analysis.families import families, mechanisms_of
from ..analysis.intervals import FEW_SEEDS
from ..analysis.run import Run
from ..store.formats import number
from .claims import differences, number_of_seeds
from .view import VIEWS, Finding, View, listed, span


@dataclass(frozen=True)
class Contrast:
    """Two groups of mechanisms that differ in one respect, by the names that they have in a sentence."""

    host: str
    first: Mapping[str, str]
    second: Mapping[str, str]
    title: str
    baseline: str

    def pairs(self, task: str) -> list[Pair]:
        return [Pair(ours, theirs, task) for theirs, ours in product(self.second, self.first)]


@VIEWS.register("what_attention_changes")
class WhatAttentionChangesView(View):
    """What attention adds to recurrent networks, content to location, and gates to a plain network."""

    title = "What attention changes"
    needs = ("normalised",)
    order = 16

    def pairs(self, run: Run) -> Iterator[Pair]:
        for contrast, task in product(_contrasts(run), run.tasks):
            yield from contrast.pairs(task)

    def findings(self, run: Run) -> Iterator[Finding]:
        if run.seeds < FEW_SEEDS:
            yield from (said for each in _contrasts(run) if (said := _as_run(run, each)) is not None)
            return
        found = differences(run)
        for contrast, task in product((*_attention(run), *_gates(run)), run.tasks):
            yield from _against_baseline(contrast, task, found, means(run.scores, task))
        for contrast in _content(run):
            yield from _content_against_location(run, contrast, found)


def _contrasts(run: Run) -> list[Contrast]:
    return [*_attention(run), *_content(run), *_gates(run)]


def _attention(run: Run) -> Iterator[Contrast]:
    bases = mechanisms_of(run.trials, "rnn_encoder_decoder")
    for family in families(run.trials):
        if family.title == "rnn_attention" and bases:
            names = {name: f"attention with {short}" for name, short in family.names.items()}
            yield Contrast("", names, dict(zip(bases, bases, strict=True)), family.title, listed(bases))


def _gates(run: Run) -> Iterator[Contrast]:
    gated = [name for model in ("lstm", "gru") for name in mechanisms_of(run.trials, model)]
    plain = mechanisms_of(run.trials, "rnn")
    if gated and plain:
        first, second = dict(zip(gated, gated, strict=True)), dict(zip(plain, plain, strict=True))
        yield Contrast("", first, second, listed(gated), listed(plain))


def _content(run: Run) -> Iterator[Contrast]:
    each = run.trials.drop_duplicates("mechanism")
    of_content = set(each.loc[_reads_content_alone(each), "mechanism"])
    for family in families(run.trials):
        content = {name: short for name, short in family.names.items() if name in of_content}
        location = mechanisms_of(each[each["mechanism"].isin(family.mechanisms)], family.title, "location")
        if content and location:
            names = {name: family.names[name] for name in location}
            yield Contrast(family.title, content, names, "score functions of content alone", "location")


def _as_run(run: Run, contrast: Contrast) -> Finding | None:
    """State what the runs scored, without a claim: "copy 0.29 to 0.31 against 0.98 to 1.00"."""
    ranges = {
        task: [_range(run, task, list(group)) for group in (contrast.second, contrast.first)] for task in run.tasks
    }
    parts = [f"{task} {' against '.join(both)}" for task, both in ranges.items() if all(both)]
    where = f" in {contrast.host}" if contrast.host else ""
    text = (
        f"Scores of {contrast.baseline} against {contrast.title}{where} ({number_of_seeds(run)}): {'; '.join(parts)}."
    )
    return Finding(text, 70) if parts else None


def _range(run: Run, task: str, names: Sequence[str]) -> str:
    rows = run.scores
    values = rows.loc[(rows["task"] == task) & rows["mechanism"].isin(names), "score"].dropna()
    return span(float(values.min()), float(values.max())) if len(values) else ""


def _against_baseline(
    contrast: Contrast, task: str, found: Mapping[Pair, Difference], mean: pd.Series[float]
) -> Iterator[Finding]:
    """Say which mechanisms score higher or lower than each baseline: the largest difference first."""
    for base, (sign, word) in product(contrast.second, ((1, "higher"), (-1, "lower"))):
        pairs = {name: Pair(name, base, task) for name in contrast.first}
        gaps = {name: found[pair] for name, pair in pairs.items() if pair in found and found[pair].sign == sign}
        ordered = sorted(gaps, key=lambda name: -abs(gaps[name].value))
        if ordered:
            text = listed(f"{contrast.first[name]} ({gaps[name]})" for name in ordered)
            yield Finding(f"{task}: the score is {word} than {number(mean[base])} of {base} with {text}.", 70)


def _content_against_location(run: Run, contrast: Contrast, found: Mapping[Pair, Difference]) -> Iterator[Finding]:
    """Say on which tasks every score of content alone is above, or below, location."""
    sides = ("every score function of content alone", "location")
    for sign, (higher, lower) in ((1, sides), (-1, sides[::-1])):
        gaps = {task: [found[pair] for pair in contrast.pairs(task) if pair in found] for task in run.tasks}
        complete = {task: each for task, each in gaps.items() if len(each) == len(contrast.pairs(task))}
        agreed = {task: each for task, each in complete.items() if all(gap.sign == sign for gap in each)}
        if agreed:
            least = min(abs(gap.value) for each in agreed.values() for gap in each)
            text = f"the score is higher with {higher} than with {lower} on {listed(agreed)}, by {least:.2f} or more"
            yield Finding(f"In {contrast.host} {text}.", 55)


def _reads_content_alone(each: pd.DataFrame) -> pd.Series[bool]:
    """Tell which mechanisms have an alignment that declares that it reads content and nothing else."""
    reads, positional, history = (_declares(each, name) for name in ("reads_content", "positional", "needs_history"))
    return reads & ~positional & ~history


def _declares(each: pd.DataFrame, name: str) -> pd.Series[bool]:
    column = f"mechanism.alignment.{name}"
    declared = each[column] if column in each else pd.Series(pd.NA, index=each.index, dtype="boolean")
    return declared.fillna(False).astype(bool)
