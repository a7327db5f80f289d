"""What the scores say."""

from __future__ import annotations

import pandas as pd

from ..formats import number, spread
from ..names import families, short
from ..records import Record, records
from ..run import Results
from ..scores import scores
from .compare import MARGIN, Difference, difference, means
from .finding import Finding, listed

SOLVED, CHANCE = 0.95, 0.1
CONTENT = ("additive", "concat", "concat_identity", "dot", "scaled_dot", "general", "cosine", "gaussian")


def best(results: Results, ranking: pd.DataFrame) -> list[Finding]:
    """The highest score over all tasks, and who cannot be told from it."""
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


def _is_close(row: Record, first: Record) -> bool:
    return bool(row["score_high"] >= first["score_low"] or first["score"] - row["score"] < MARGIN)


def plugins(ranking: pd.DataFrame) -> list[Finding]:
    """Where the mechanisms that come from plugins stand."""
    rows = [row for row in records(ranking[ranking["origin"].notna()]) if row["score"] == row["score"]]
    return [
        Finding(
            "plugin",
            f"{row['mechanism']}, a plugin, comes out at rank {row['rank']} of {len(ranking)} with a score of "
            f"{spread(row['score'], row['score_low'], row['score_high'])}.",
        )
        for row in rows
    ]


def solved(results: Results) -> list[Finding]:
    """Who solves each task on every seed, and who stays near chance on every seed."""
    table = scores(results.cells, results.frame)
    return [finding for task in results.tasks for finding in _solved(table, task)]


def _solved(table: pd.DataFrame, task: str) -> list[Finding]:
    rows = table[(table["task"] == task) & table["outcome"].notna() & (table["outcome"] != "skipped")]
    lowest = rows.groupby("mechanism", sort=False)["counted"].min()
    highest = rows[rows["outcome"] == "ok"].groupby("mechanism", sort=False)["score"].max()
    # A cell that ended badly counts as chance in `counted`, so nobody solves a task with a failed seed.
    able, unable = list(lowest[lowest >= SOLVED].index), list(highest[highest <= CHANCE].index)
    if not len(highest):
        return []
    parts = [f"solved (a score of {SOLVED} or more on every seed) by {_who(able, table)}" if able else ""]
    parts.append(f"near chance (at most {CHANCE} on every seed): {_who(unable, table)}" if unable else "")
    if not able:
        parts[0] = f"nobody reaches {SOLVED} on every seed; the best mean is {_best(table, task)}"
    return [Finding("score", f"{task}: {'; '.join(part for part in parts if part)}.")]


def _best(table: pd.DataFrame, task: str) -> str:
    found = means(table, task)
    return f"{number(float(found.max()))}, of {found.idxmax()}"


def _who(names: list[str], table: pd.DataFrame) -> str:
    """List names by family: "lstm and transformer (dot, cosine)" rather than every name in full."""
    parts = []
    for family in families(table):
        own = [name for name in family.mechanisms if name in names]
        inside = [short(name, family) for name in own]
        if len(own) == len(family.mechanisms) > 2 and own != inside:
            parts.append(f"{family.title} with every score")
        elif own == inside:
            parts += own
        else:
            # Names of several hyper-parameters have commas of their own.
            between = "; " if any("," in name for name in inside) else ", "
            parts.append(f"{family.title} ({between.join(inside)})")
    return listed(parts)


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
