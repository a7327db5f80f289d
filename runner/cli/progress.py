"""The progress of a run: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from results import Planned

from ..execution.engines import Advanced, Ended, Started
from ..execution.run import Closed, Event, Opened, Retried, Stopping
from ..suite.plan import Plan
from ..trial.trial import Trial

# The expected seconds of a trial without training, until the first such trial has finished.
GUESS = {"initial": 1.0, "timed": 1.0}
PLAIN_EVERY = 10.0  # seconds between plain lines, except those of failed trials


def follow(console: Console, plan: Plan, folder: Path, events: Iterable[Event | None]) -> Closed:
    """Show the progress of a run into `folder`, and return how it ended."""
    opened: Display | None = None
    stopping = False
    try:
        for event in events:
            stopping = stopping or isinstance(event, Stopping)
            # A terminal that has been closed takes no text, and yet running trials write their checkpoints.
            with suppress(*([OSError] if stopping else [])):
                match event:
                    case Opened(missing, workers):
                        _announce(console, plan, len(missing), folder)
                        descriptions = {each.key: plan.description(each) for each in missing}
                        opened = display(console, missing, descriptions, workers)
                        opened.__enter__()
                    case Stopping():
                        console.print("Stopping: running trials write a checkpoint. Ctrl-C again stops at once.")
                    case Closed():
                        return event
                    case _ if opened is not None:
                        opened.show(event)
    finally:
        if opened is not None:
            with suppress(*([OSError] if stopping else [])):
                opened.__exit__(None, None, None)
    raise AssertionError("a run ends with Closed")


def _announce(console: Console, plan: Plan, missing: int, folder: Path) -> None:
    total, skipped = len(plan.trials), len(plan.skipped)
    console.print(
        f"{plan.name}: {total} trials, {total - missing} already finished, {missing} to run"
        f"{f', {skipped} skipped' if skipped else ''} → {folder}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


class Estimate:
    """Estimates the seconds left from the durations of similar trials."""

    def __init__(self, trials: Sequence[Planned], workers: int) -> None:
        self.workers = workers
        self._trials = {each.key: Trial.from_json(each.trial, each.key) for each in trials}
        self.left = set(self._trials)
        self._seen: dict[tuple[str, ...], list[float]] = {}

    def ended(self, key: str, seconds: float) -> None:
        self.left.discard(key)
        for sort in _sorts(self._trials[key]):
            self._seen.setdefault(sort, []).append(seconds)

    def seconds(self) -> float | None:
        """Return the seconds left, None before the first trial has finished."""
        if not self._seen:
            return None
        left = [self._trials[key] for key in self.left]
        shared = sum(self._expect(trial) for trial in left if not trial.alone)
        alone = sum(self._expect(trial) for trial in left if trial.alone)
        return shared / self.workers + alone

    def _expect(self, trial: Trial) -> float:
        for sort in _sorts(trial):
            if seen := self._seen.get(sort):
                return sum(seen) / len(seen)
        return GUESS.get(_stage(trial), 0.0)


def _stage(trial: Trial) -> str:
    if trial.task is not None:
        return "trained"
    return "timed" if trial.alone else "initial"


def _sorts(trial: Trial) -> list[tuple[str, ...]]:
    """Return the groups of similar trials that the trial belongs to, the most similar first."""
    stage, task = _stage(trial), trial.task.name if trial.task else ""
    mechanism = trial.mechanism
    return [(stage, mechanism.identity, task), (stage, mechanism.name, task), (stage, task), (stage,)]


def clock(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Display(Protocol):
    def __enter__(self) -> Display: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, event: Event | None) -> None: ...
    def print_line(self, text: str) -> None: ...


def display(console: Console, trials: Sequence[Planned], descriptions: Mapping[str, str], workers: int) -> Display:
    """Return a live display for a terminal, else a plain one; `descriptions` are those of the trials, by key."""
    kind = LiveDisplay if console.is_terminal else PlainDisplay
    return kind(console, descriptions, Estimate(trials, workers))


class _Counting:
    """Counts the outcomes of trials."""

    def __init__(self, console: Console, descriptions: Mapping[str, str], estimate: Estimate) -> None:
        self.console, self.descriptions, self.estimate = console, descriptions, estimate
        self.total = len(descriptions)
        self.outcomes: Counter[str] = Counter()
        self.begin = time.monotonic()

    @property
    def done(self) -> int:
        return self.outcomes.total()

    def count(self, event: Ended) -> None:
        self.outcomes[event.outcome.outcome] += 1
        self.estimate.ended(event.trial.key, event.outcome.seconds)

    def status(self) -> str:
        bad = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self.outcomes.items()) if outcome != "ok")
        return f"{clock(time.monotonic() - self.begin)} elapsed, about {clock(self.estimate.seconds())} left" + (
            f" · {bad}" if bad else ""
        )

    def print_line(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def report(self, event: Ended | Retried) -> None:
        if event.outcome.outcome not in ("ok", "interrupted"):
            again = "; it runs again" if isinstance(event, Retried) else ""
            what = self.descriptions[event.trial.key]
            self.print_line(f"  {event.outcome.outcome}: {what}: {event.outcome.reason}{again}")


class PlainDisplay(_Counting):
    """For pipes and logs: a line every few seconds, and one for each failed trial."""

    def __enter__(self) -> PlainDisplay:
        self._last_line = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event | None) -> None:
        if isinstance(event, Retried):
            self.report(event)
        if not isinstance(event, Ended):
            return
        self.count(event)
        self.report(event)
        if self.done == self.total or time.monotonic() - self._last_line > PLAIN_EVERY:
            self._last_line = time.monotonic()
            self.print_line(f"[{self.done}/{self.total}] {self.descriptions[event.trial.key]} · {self.status()}")


class LiveDisplay(_Counting):
    """A bar for the run and one for each running trial."""

    def __enter__(self) -> LiveDisplay:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Progress(*columns, console=self.console)
        self._whole = self._bars.add_task("[bold]trials", total=self.total, note="")
        self._trials: dict[str, TaskID] = {}
        self._live = Live(self._bars, console=self.console, refresh_per_second=4)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event | None) -> None:
        match event:
            case Started(trial):
                description = escape(self.descriptions[trial.key])
                self._trials[trial.key] = self._bars.add_task(f"  {description}", total=None, note="")
            case Advanced(trial, done, total):
                self._bars.update(self._trials[trial.key], completed=done, total=total)
            case Retried(trial, _):
                self.report(event)
                self._bars.remove_task(self._trials.pop(trial.key))
            case Ended(trial, _):
                self.count(event)
                self.report(event)
                self._bars.remove_task(self._trials.pop(trial.key))
        self._bars.update(self._whole, completed=self.done, note=self.status())
