"""What attention adds to recurrent networks, content to location, and gates to a plain network."""

from __future__ import annotations

import pandas as pd

from ..analysis.compare import Difference, difference, means
from ..analysis.run import Results
from ..analysis.scores import scores
from ..store.formats import number
from ..store.labels import families, short
from .view import Finding, listed

CONTENT = ("additive", "concat", "concat_identity", "dot", "scaled_dot", "general", "cosine", "gaussian")


def attention_mends(results: Results) -> list[Finding]:
    """What looking back adds to the recurrent encoder-decoder, task by task."""
    table = scores(results.cells, results.frame)
    hosted = [family for family in families(results.cells) if family.title == "rnn_attention"]
    base = "rnn_encoder_decoder"
    if not hosted or base not in results.mechanisms:
        return []
    found = []
    for task in results.tasks:
        gaps = {short(name, hosted[0]): difference(table, name, base, task) for name in hosted[0].mechanisms}
        told = {name: gap for name, gap in gaps.items() if gap is not None}
        said = _said(told, 1, "raised") + _said(told, -1, "lowered")
        if said:
            bare = number(float(means(table, task)[base]))
            found.append(Finding("attention", f"{task}: the score of {base}, {bare}, is {listed(said)}."))
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


def content_or_location(results: Results) -> list[Finding]:
    """Whether scores that look at content beat the one that looks at positions only, within a host."""
    table = scores(results.cells, results.frame)
    found = []
    for family in families(results.cells):
        names = {short(name, family): name for name in family.mechanisms}
        content = [names[name] for name in CONTENT if name in names]
        if "location" not in names or not content:
            continue
        gaps = {task: _gaps(table, content, names["location"], task) for task in results.tasks}
        found += [finding for sign in (1, -1) for finding in _agreed(family.title, gaps, sign, len(content))]
    return found


def _agreed(host: str, gaps: dict[str, list[Difference]], sign: int, scores_there_are: int) -> list[Finding]:
    """Say on which tasks all scores of content alone that have a result are above (1) or below (-1) location."""
    agreed = {task: each for task, each in gaps.items() if each and all(gap.sign == sign for gap in each)}
    if not agreed:
        return []
    least = min(abs(gap.interval.value) for each in agreed.values() for gap in each)
    whole = all(len(each) == scores_there_are for each in agreed.values())
    every = "every score of content alone" + ("" if whole else " that has a result")
    said = f"{every} beats location" if sign > 0 else f"location beats {every}"
    return [Finding("attention", f"In {host}, {said} on {listed(agreed)}, by {least:.2f} or more.")]


def _gaps(table: pd.DataFrame, content: list[str], location: str, task: str) -> list[Difference]:
    gaps = [difference(table, name, location, task) for name in content]
    return [gap for gap in gaps if gap is not None]


def gated_or_plain(results: Results) -> list[Finding]:
    """What gates add to a plain recurrent network."""
    table = scores(results.cells, results.frame)
    found = []
    for task in results.tasks:
        gaps = {name: difference(table, name, "rnn", task) for name in ("lstm", "gru")}
        up = [f"{name} ({gap})" for name, gap in gaps.items() if gap is not None and gap.sign > 0]
        down = [f"{name} ({gap})" for name, gap in gaps.items() if gap is not None and gap.sign < 0]
        plain = means(table, task).get("rnn")
        for names, word in ((up, "above"), (down, "below")):
            if names:
                verb = "is" if len(names) == 1 else "are"
                shown = number(float(plain or 0.0))
                found.append(
                    Finding("score", f"{task}: {listed(names)} {verb} {word} the plain rnn, which has {shown}.")
                )
    return found
