"""What a person sees while a run goes on: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from ..execution.engines import Advanced, Ended, Event, Started
from ..trial.trial import Trial

# What a cell of a kind is taken to last until one of it has ended: measuring is quick beside training.
GUESS = {"initial": 1.0, "speed": 5.0}
PLAIN_EVERY = 10.0  # seconds between plain lines, except for what went wrong


class Estimate:
    """Estimates the seconds left from how long cells of the same sort took."""

    def __init__(self, cells: Sequence[Trial], workers: int) -> None:
        self.workers = workers
        self.left = Counter({cell.key: 1 for cell in cells})
        self._cells = {cell.key: cell for cell in cells}
        self._seen: dict[tuple[str | None, ...], list[float]] = {}

    def ended(self, cell: Trial, seconds: float) -> None:
        self.left.pop(cell.key, None)
        for sort in _sorts(cell):
            self._seen.setdefault(sort, []).append(seconds)

    def seconds(self) -> float | None:
        """Return the seconds left, None while nothing has ended yet."""
        if not self._seen:
            return None
        shared = sum(self._expect(key) for key in self.left if not self._cells[key].alone)
        alone = sum(self._expect(key) for key in self.left if self._cells[key].alone)
        return shared / self.workers + alone

    def _expect(self, key: str) -> float:
        for sort in _sorts(self._cells[key]):
            if seen := self._seen.get(sort):
                return sum(seen) / len(seen)
        return GUESS.get(self._cells[key].kind, 0.0)


def _sorts(cell: Trial) -> list[tuple[str | None, ...]]:
    """Return what the cell resembles, the most alike first."""
    return [
        (cell.kind, cell.label, cell.task),
        (cell.kind, cell.model, cell.task),
        (cell.kind, cell.task),
        (cell.kind,),
    ]


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
    def say(self, text: str) -> None: ...


def display(console: Console, cells: Sequence[Trial], workers: int) -> Display:
    """Return the display that fits where the output goes."""
    kind: Callable[[Console, Sequence[Trial], Estimate], Display] = LiveDisplay if console.is_terminal else PlainDisplay
    return kind(console, cells, Estimate(cells, workers))


class _Counting:
    """Keeps count of how cells ended."""

    def __init__(self, console: Console, cells: Sequence[Trial], estimate: Estimate) -> None:
        self.console, self.total, self.estimate = console, len(cells), estimate
        self.outcomes: Counter[str] = Counter()
        self.begin = time.monotonic()

    @property
    def done(self) -> int:
        return self.outcomes.total()

    def count(self, event: Ended) -> None:
        self.outcomes[event.ending.outcome] += 1
        self.estimate.ended(event.cell, event.ending.seconds)

    def status(self) -> str:
        bad = ", ".join(f"{n} {outcome}" for outcome, n in sorted(self.outcomes.items()) if outcome != "ok")
        return f"{clock(time.monotonic() - self.begin)} elapsed, about {clock(self.estimate.seconds())} left" + (
            f" · {bad}" if bad else ""
        )

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def tell(self, event: Ended) -> None:
        if event.ending.outcome not in ("ok", "interrupted"):
            self.say(f"  {event.ending.outcome}: {event.cell.description()}: {event.ending.reason}")


class PlainDisplay(_Counting):
    """A line every few seconds and one for each cell that went wrong: for pipes and logs."""

    def __enter__(self) -> PlainDisplay:
        self._told = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def show(self, event: Event | None) -> None:
        if not isinstance(event, Ended):
            return
        self.count(event)
        self.tell(event)
        if self.done == self.total or time.monotonic() - self._told > PLAIN_EVERY:
            self._told = time.monotonic()
            self.say(f"[{self.done}/{self.total}] {event.cell.description()} · {self.status()}")


class LiveDisplay(_Counting):
    """A bar for the run and one for each cell under way."""

    def __enter__(self) -> LiveDisplay:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._bars = Progress(*columns, console=self.console)
        self._whole = self._bars.add_task("[bold]cells", total=self.total, note="")
        self._cells: dict[str, TaskID] = {}
        self._live = Live(self._bars, console=self.console, refresh_per_second=4)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, event: Event | None) -> None:
        match event:
            case Started(cell):
                self._cells[cell.key] = self._bars.add_task(f"  {escape(cell.description())}", total=None, note="")
            case Advanced(cell, done, total):
                self._bars.update(self._cells[cell.key], completed=done, total=total)
            case Ended(cell, _):
                self.count(event)
                self.tell(event)
                self._bars.remove_task(self._cells.pop(cell.key))
        self._bars.update(self._whole, completed=self.done, note=self.status())
