from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from ..analysis.compare import MARGIN
from ..analysis.run import Run
from ..analysis.scores import NO_SCORE_MEANS
from ..store.formats import count, is_absent, number, spread
from .figure import Heatmap
from .table import AT_FLOOR, PARTIAL, Column, Table
from .tasks import overview
from .view import VIEWS, Finding, View, listed, shown

CAPTION = (
    "Test score at the trained length, mean over seeds: 1 is a perfect reader, 0 is chance. The first column (or row) "
    "is the mean over tasks, by which the mechanisms are ranked. Where there is no number, the word says how the runs "
    "ended, and a dash that there were none (no score: a perfect reader is not clearly better than chance on these "
    "examples); a star marks the mean of only some seeds, where others failed or are still to run; a dagger marks a "
    "score that is not above that of a simple reader of the task, which cannot attend."
)
UNTRAINED = (
    "Nothing was trained, so there is no ranking: what was measured of each mechanism, in the order of their names."
)


@VIEWS.register("ranking")
class RankingView(View):
    """The mechanisms, best first: their scores over all tasks and on each, and what other views add."""

    title = "Ranking"
    order = 10

    def table(self, run: Run) -> Table | None:
        names = list(run.ranking.mechanisms["mechanism"])
        if not names:
            return None
        others = [column.along(names) for column in _of_other_views(run)]
        taken = {"rank", "mechanism", "score", *(column.heading for column in others)}
        tasks = {task: _of_task(run, task, place, taken) for place, task in enumerate(run.tasks)}
        kept = [column for column in [*tasks.values(), *others] if not _is_empty(column)]
        rank, mechanism, score = _own(run)
        if not run.tasks:
            return Table(UNTRAINED, [mechanism, *kept], _numbers(run, others, tasks))
        return Table(_caption(run), [rank, mechanism, score, *kept], _numbers(run, [score, *others], tasks))

    def figure(self, run: Run) -> Heatmap | None:
        if not run.tasks:
            return None
        return Heatmap(CAPTION, matrix(run), "normalised score")

    def findings(self, run: Run) -> Iterator[Finding]:
        yield from best(run)
        yield from plugins(run)


def _own(run: Run) -> list[Column]:
    rows, tasks = run.ranking.mechanisms, len(run.tasks)
    some = rows["score"].notna() & (rows["tasks"] < tasks)
    words = [f"{row} of {tasks} tasks" if part else "" for row, part in zip(rows["tasks"], some, strict=True)]
    rows = rows.assign(words=words)
    return [
        Column.of("rank", rows, "rank", count, math.inf),
        Column.of("mechanism", rows, "mechanism", importance=math.inf),
        Column.of("score", rows, "score", importance=math.inf, low="low", high="high", words="words"),
    ]


def _of_task(run: Run, task: str, place: int, taken: set[str]) -> Column:
    rows = run.ranking.tasks[run.ranking.tasks["task"] == task]
    part = [_ended(row["word"], row["ill"], row["runs"]) for row in rows.to_dict("records")]
    # A score of runs of which none ended well is no score of theirs.
    marks = rows["at_floor"].map({True: AT_FLOOR, False: ""})
    rows = rows.assign(words=part, mark=marks, value=rows["value"].where(rows["ill"] < rows["runs"]))
    heading = f"{task} (task)" if task in taken else task
    # Tasks are left out after all other columns, the last of them first.
    return Column.of(
        heading,
        rows.reset_index(drop=True),
        "value",
        importance=1000 - place,
        low="low",
        high="high",
        mark="mark",
        words="words",
    )


def _ended(word: str, ill: int, runs: int) -> str:
    """Return how runs ended that did not end well: "timeout" of all, "1 of 2 timeout" of some, "" of none."""
    return f"{ill} of {runs} {word}" if 0 < ill < runs else word


def _of_other_views(run: Run) -> Iterator[Column]:
    for view in shown(run).values():
        if not isinstance(view, RankingView):
            try:
                yield from view.columns(run)
            except Exception:
                # The report names the view and its mistake; the ranking is shown without its columns.
                continue


def _is_empty(column: Column) -> bool:
    return all(map(is_absent, column.numbers["value"])) and not any(column.numbers.get("words", ()))


def _numbers(run: Run, columns: list[Column], tasks: dict[str, Column]) -> pd.DataFrame:
    """Return the numbers in long form: rank, mechanism, column (a heading), task, value, low, high and words."""
    made: list[tuple[str, str | None, Column]] = [(column.heading, None, column) for column in columns]
    made += [("score", task, column) for task, column in tasks.items()]
    head = ["rank", "mechanism", "column", "task", "value", "low", "high"]
    own = run.ranking.mechanisms[["rank", "mechanism"]]
    parts = [
        column.numbers.reset_index(drop=True).assign(**own, column=heading, task=task) for heading, task, column in made
    ]
    whole = pd.concat([part for part in parts if not part.empty], ignore_index=True)
    return whole.reindex(columns=[*head, *(name for name in whole if name not in head)])


def matrix(run: Run) -> pd.DataFrame:
    """Return mechanism, task, value, low, high and shown (the number as text, or the outcome's word)."""
    mechanisms, by_task = run.ranking
    name = next(name for name in ("all tasks", "all tasks together") if name not in run.tasks)
    overall = mechanisms.rename(columns={"score": "value"})
    overall = overall.assign(task=name, shown=overall["value"].map(number))
    shown = [_shown(row) for row in by_task.to_dict("records")]
    each = by_task.assign(shown=shown)
    places = {mechanism: place for place, mechanism in enumerate(mechanisms["mechanism"])}
    whole = pd.concat([overall, each])[["mechanism", "task", "value", "low", "high", "shown"]]
    return whole.sort_values("mechanism", key=lambda column: column.map(places), kind="stable", ignore_index=True)


def _shown(row: Mapping[Any, Any]) -> str:
    value, word = row["value"], row["word"]
    if is_absent(value) or (word and row["ill"] == row["runs"]):
        return word or number(value)
    # "1 of 2 timeout" is too long for a square; the table has it.
    marks = (AT_FLOOR if row["at_floor"] else "") + (PARTIAL if word else "")
    return f"{number(value)} {marks}" if marks else number(value)


def best(run: Run) -> list[Finding]:
    """The highest mean score over all tasks, and the mechanisms within MARGIN of it: a statement about the runs."""
    ranking = run.ranking.mechanisms
    whole = ranking[ranking["ended_well"] & (ranking["tasks"] == len(run.tasks))]
    if len(whole) < 2:
        return []
    top, *others = whole.sort_values("score", ascending=False, kind="stable").to_dict("records")
    close = [row["mechanism"] for row in others if top["score"] - row["score"] < MARGIN]
    score = spread(top["score"], top["low"], top["high"])
    text = f"The highest mean score over all tasks is {score}, of {top['mechanism']}"
    if close:
        some = listed(close) if len(close) <= 4 else f"{len(close)} others"
        text += f"; {some} {'is' if len(close) == 1 else 'are'} within {MARGIN} of it"
    return [Finding(f"{text}.", 100)]


def plugins(run: Run) -> list[Finding]:
    """The ranks of the mechanisms whose trials use a plug-in, for the mechanism, a task or a probe."""
    ranking = run.ranking.mechanisms
    rows = ranking[ranking["origin"].notna() & ranking["score"].notna()]
    return [
        Finding(
            f"{row['mechanism']}, whose trials use a plug-in, has rank {row['rank']} of {len(ranking)} with a score of "
            f"{spread(row['score'], row['low'], row['high'])}.",
            90,
        )
        for row in rows.to_dict("records")
    ]


def _caption(run: Run) -> str:
    told = f"{overview(run)} ".lstrip()
    return (
        "The score is the mean over tasks of the mean over seeds of the normalised test score: 1 is a perfect reader, "
        "0 is chance; mechanisms whose scores are equal to two digits, or all at least 0.99, where training stops, "
        f"share a rank. {told}{_intervals(set(run.ranking.mechanisms['interval']))} Runs that diverged, "
        "failed or ran out of time or memory count as chance (0). A dagger marks a score that is not above that of a "
        f"simple reader of the task, which cannot attend. {NO_SCORE_MEANS} Steps to solve: the median of the runs that "
        "reached 0.99 on validation, with their share where it is not all. Gradient decay (nats per position) and "
        "horizon (positions until 1 % is left) are those of the untrained network."
    )


def _intervals(kinds: set[str]) -> str:
    if "t" in kinds:
        return "In brackets: 95 % intervals over seeds."
    if "range" in kinds:
        return (
            "In brackets: from the worst to the best seed, since fewer than five seeds are too few for an interval; "
            "differences of that size may be chance."
        )
    return "There is one seed only, so no number here has an interval, and small differences mean nothing."
