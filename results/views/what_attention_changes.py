from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pandas as pd

from ..analysis.compare import Difference, difference, means
from ..analysis.families import families, mechanisms_of
from ..analysis.run import Run
from ..analysis.scores import scores
from ..store.formats import number
from .view import VIEWS, Finding, View, listed


@VIEWS.register("what_attention_changes")
class WhatAttentionChangesView(View):
    """What attention adds to recurrent networks, content to location, and gates to a plain network."""

    title = "What attention changes"
    needs = ("normalised",)
    order = 16

    def findings(self, run: Run) -> Iterator[Finding]:
        yield from with_attention(run)
        yield from content_or_location(run)
        yield from gated_or_plain(run)


def with_attention(run: Run) -> list[Finding]:
    """What attention adds to the recurrent encoder-decoder, task by task."""
    table = scores(run.trials, run.frame)
    hosted = [family for family in families(run.trials) if family.title == "rnn_attention"]
    found = []
    for family, base in product(hosted, mechanisms_of(run.trials, "rnn_encoder_decoder")):
        for task in run.tasks:
            gaps = {short: difference(table, name, base, task) for name, short in family.names.items()}
            told = {name: gap for name, gap in gaps.items() if gap is not None}
            said = _said(told, 1, "raised") + _said(told, -1, "lowered")
            if said:
                bare = number(float(means(table, task)[base]))
                found.append(Finding(f"{task}: the score of {base}, {bare}, is {listed(said)}.", 70))
    return found


def _said(gaps: dict[str, Difference], sign: int, verb: str) -> list[str]:
    """Return "raised most by attention with dot (+0.5 [...]), and with cosine (+0.4)", the largest difference first."""
    told = sorted((gap.interval.value * sign, name) for name, gap in gaps.items() if gap.sign == sign)[::-1]
    if not told:
        return []
    first, *others = [name for _, name in told]
    rest = listed(f"{name} ({gaps[name].interval.value:+.2f})" for name in others)
    most = "most " if others else ""
    return [f"{verb} {most}by attention with {first} ({gaps[first]})" + (f", also with {rest}" if others else "")]


def content_or_location(run: Run) -> list[Finding]:
    """Whether scores that look at content beat the one that looks at positions only, within a host."""
    table = scores(run.trials, run.frame)
    each = run.trials.drop_duplicates("mechanism")
    of_content = set(each.loc[_reads_content_alone(each), "mechanism"])
    found = []
    for family in families(run.trials):
        content = [name for name in family.mechanisms if name in of_content]
        location = mechanisms_of(each[each["mechanism"].isin(family.mechanisms)], family.title, "location")
        pairs = list(product(content, location))
        if pairs:
            gaps = {task: _gaps(table, pairs, task) for task in run.tasks}
            found += [finding for sign in (1, -1) for finding in _agreed(family.title, gaps, sign, len(pairs))]
    return found


def _reads_content_alone(each: pd.DataFrame) -> pd.Series[bool]:
    """Tell which mechanisms have an alignment that declares that it looks at content and at nothing else."""
    reads, positional, history = (_declares(each, name) for name in ("reads_content", "positional", "needs_history"))
    return reads & ~positional & ~history


def _declares(each: pd.DataFrame, name: str) -> pd.Series[bool]:
    column = f"mechanism.alignment.{name}"
    declared = each[column] if column in each else pd.Series(pd.NA, index=each.index, dtype="boolean")
    return declared.fillna(False).astype(bool)


def _agreed(host: str, gaps: dict[str, list[Difference]], sign: int, pairs_there_are: int) -> list[Finding]:
    """Say on which tasks all scores of content alone that have a result are above (1) or below (-1) location."""
    agreed = {task: each for task, each in gaps.items() if each and all(gap.sign == sign for gap in each)}
    if not agreed:
        return []
    least = min(abs(gap.interval.value) for each in agreed.values() for gap in each)
    whole = all(len(each) == pairs_there_are for each in agreed.values())
    every = "every score of content alone" + ("" if whole else " that has a result")
    said = f"{every} beats location" if sign > 0 else f"location beats {every}"
    return [Finding(f"In {host}, {said} on {listed(agreed)}, by {least:.2f} or more.", 55)]


def _gaps(table: pd.DataFrame, pairs: list[tuple[str, str]], task: str) -> list[Difference]:
    gaps = [difference(table, ours, theirs, task) for ours, theirs in pairs]
    return [gap for gap in gaps if gap is not None]


def gated_or_plain(run: Run) -> list[Finding]:
    """What gates add to a plain recurrent network."""
    table = scores(run.trials, run.frame)
    gated = [name for model in ("lstm", "gru") for name in mechanisms_of(run.trials, model)]
    plain = mechanisms_of(run.trials, "rnn")
    return [finding for task in run.tasks for base in plain for finding in _gated(table, gated, base, task)]


def _gated(table: pd.DataFrame, gated: list[str], base: str, task: str) -> list[Finding]:
    gaps = {name: difference(table, name, base, task) for name in gated}
    score = number(float(means(table, task).get(base, 0.0)))
    found = []
    for sign, word in ((1, "above"), (-1, "below")):
        names = [f"{name} ({gap})" for name, gap in gaps.items() if gap is not None and gap.sign == sign]
        if names:
            verb = "is" if len(names) == 1 else "are"
            text = f"{task}: {listed(names)} {verb} {word} the plain {base}, which has {score}."
            found.append(Finding(text, 50))
    return found
