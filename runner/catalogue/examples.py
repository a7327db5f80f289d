"""Examples of a task as a person reads them: the source, what is asked, the answer, and the links drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from rich.cells import cell_len, set_cell_size

from registry import UserError, suggestion
from registry.errors import shorten, written
from tasks import TASKS, Batch, Features, Task, Tokens

from ..isolation import ApartError, each_apart
from ..suite.expand import check_sizes, first_line
from ..suite.reader import ReadError, read
from ..suite.tasks import LENGTH_KEYS, preset_settings
from ..training import seeds

FIRST_LENGTH, LAST_LENGTH = 8, 4096  # among which the default is looked for
LANGUAGES = ("en", "zh")
MOST_QUERIES = 24  # of one example
WIDEST_VECTOR = 4  # features that are written out
MARK = "^"


def read_settings(name: str, preset: str | None, given: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a preset and of texts like "pairs=4"; UserError where one is not known."""
    settings = dict(preset_settings(name, preset))
    known = TASKS.settings(TASKS[name]) or {}
    for text in given:
        key, equals, setting = text.partition("=")
        if not equals:
            raise UserError(f"--set {shorten(text, 60)}: a setting with its value, as in pairs=4, was expected")
        if key not in known:
            near = suggestion(key, known) or " It has none."
            raise UserError(f"--set {shorten(text, 60)}: {name} has no setting {written(key)}.{near}")
        try:
            _, settings[key] = read(setting)
        except ReadError as error:
            raise UserError(f"--set {shorten(text, 60)}: {error}") from None
    return settings


def examples(
    name: str, settings: dict[str, Any], length: int | None, seed: int, count: int, language: str, width: int
) -> Iterator[str]:
    """Yield `count` examples as text at most `width` columns wide, where words allow it."""
    if language not in LANGUAGES:
        raise UserError(f"--language {shorten(language, 60)}: examples are told in {' and '.join(LANGUAGES)}")

    def told() -> Iterator[str]:
        return _examples(name, settings, length, seed, count, language, width)

    if not TASKS.entry(name).origin.is_plugin:
        yield from told()
        return
    try:
        yield from each_apart(told, about=f"task {name}")
    except ApartError as error:
        raise UserError(f"{name}: {error}") from None


def _examples(
    name: str, settings: dict[str, Any], length: int | None, seed: int, count: int, language: str, width: int
) -> Iterator[str]:
    own = {key: value for key, value in settings.items() if key not in LENGTH_KEYS}
    spec = TASKS.spec({name: own})
    check_sizes(spec)
    try:
        task = spec.build()
        chosen = length or _longest(settings.get("length")) or default_length(task)
        source = seeds.generator(torch.device("cpu"), "show", name, own, seed)
        batch = task.sample(chosen, count, source)
    except (ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"{name}: {first_line(error)}") from None
    for row in range(count):
        yield "\n".join(_example(task, batch, row, chosen, language, width))


def _longest(length: int | list[int] | None) -> int | None:
    return length[-1] if isinstance(length, list) else length


def default_length(task: Task) -> int:
    """Return the first length from 8 on for which the task has examples."""
    for length in range(FIRST_LENGTH, LAST_LENGTH):
        if task.accepts(length):
            return length
    raise UserError(f"no length from {FIRST_LENGTH} to {LAST_LENGTH} is possible; name one with --length")


def _example(task: Task, batch: Batch, row: int, length: int, language: str, width: int) -> Iterator[str]:
    yield f"length {length}, example {row + 1}"
    told = task.tell(batch, row, language)
    if told is not None:
        yield f"\n{told}\n"
    words = task.words("query")
    scored = batch.scored[row].tolist()
    asked = [words[token] for token in batch.query[row].tolist()]
    answers = [_answer(task, value) for value in batch.target[row].tolist()]
    source = _source_words(task, batch, row)
    if source is not None:
        yield from _strips({"source": source}, width)
    yield from _strips(
        {"query": asked, "answer": [a if s else "." for a, s in zip(answers, scored, strict=True)]}, width
    )
    if batch.links is not None and source is not None:
        labels = [f"{asked[q]} → {answers[q]}" for q, counts in enumerate(scored) if counts]
        links = batch.links[row][batch.scored[row]].tolist()
        yield from _drawn(source, labels[:MOST_QUERIES], links[:MOST_QUERIES], width)
        if len(labels) > MOST_QUERIES:
            yield f"… and {len(labels) - MOST_QUERIES} more"


def _answer(task: Task, value: float) -> str:
    names = task.words("target")
    return names[int(value)] if names else f"{value:.2f}"


def _source_words(task: Task, batch: Batch, row: int) -> list[str] | None:
    space = task.source_space
    if isinstance(space, Tokens):
        words = task.words("source")
        return [words[token] for token in batch.source[row].tolist()]
    if isinstance(space, Features) and space.size <= WIDEST_VECTOR:
        return [f"({' '.join(f'{value:.2g}' for value in vector)})" for vector in batch.source[row].tolist()]
    return None  # pictures: the task tells them


def _strips(rows: dict[str, list[str]], width: int) -> Iterator[str]:
    """Yield rows of words with each position below the other, broken where the width ends."""
    head = max(map(len, rows)) + 2
    columns = [max(map(cell_len, at)) + 1 for at in zip(*rows.values(), strict=True)]
    for start, stop in _breaks(columns, width - head):
        for name, words in rows.items():
            cells = "".join(set_cell_size(words[i], columns[i]) for i in range(start, stop))
            yield (set_cell_size(name if start == 0 else "", head) + cells).rstrip()


def _drawn(source: list[str], labels: list[str], links: list[list[bool]], width: int) -> Iterator[str]:
    """Yield the source again, and below it a line a query with a mark under each position it is linked to."""
    if not any(map(any, links)):
        return
    head = max(cell_len(label) for label in labels) + 2
    columns = [cell_len(word) + 1 for word in source]
    yield "\nlinks"
    for start, stop in _breaks(columns, width - head):
        linked = [(label, marks) for label, marks in zip(labels, links, strict=True) if any(marks[start:stop])]
        if not linked:
            continue
        yield (" " * head + "".join(set_cell_size(source[i], columns[i]) for i in range(start, stop))).rstrip()
        for label, marks in linked:
            cells = "".join(set_cell_size(MARK if marks[i] else "", columns[i]) for i in range(start, stop))
            yield (set_cell_size(label, head) + cells).rstrip()


def _breaks(columns: Sequence[int], room: int) -> Iterator[tuple[int, int]]:
    """Yield from where to where columns fit into the room, at least one at a time."""
    start, ends = 0, list(accumulate(columns, initial=0))
    while start < len(columns):
        stop = start + 1
        while stop < len(columns) and ends[stop + 1] - ends[start] <= room:
            stop += 1
        yield start, stop
        start = stop
