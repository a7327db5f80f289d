"""Check of the example in the docstring: it is one that the task could sample, and the oracle gives its answers."""

from __future__ import annotations

import ast
import inspect
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from registry import CheckError

from ..task import TASKS, Batch, Part, Task
from .cases import expect

INTRODUCTION = re.compile(r"^With\b[^\n]*(?:\n(?! )[^\n]+)*:$", re.MULTILINE)
SETTING = re.compile(r"(\w+)=([^\s,:]+)")
ROW = re.compile(r"^ {4}(source|query|answer)\b *(.*)$")
VECTOR = re.compile(r"\(([^()]*)\)")
NOT_SCORED = "."
ADVICE = (
    "below the question, write a line such as `With length=4:` with the settings that are not the defaults, and below "
    "it, indented by four spaces, the rows `source  3 1 0 2`, `query   ?` and `answer  3`, as in tasks/template.txt"
)


@dataclass(frozen=True)
class Example:
    """The example of a docstring: its settings, the words of each row, and the lines of a picture above the rows."""

    settings: dict[str, Any]
    length: int
    rows: dict[str, str]
    picture: list[str]


def example(value: type[Task]) -> None:
    """The oracle gives the answers of the example in the docstring of the class."""
    shown = read_example(value.__doc__ or "")
    task = value(**_settings(value, shown.settings))
    batch = _batch(task, shown)
    sample = task.sample(shown.length, 1, torch.Generator().manual_seed(1))
    for part in ("source", "query"):
        got, wanted = getattr(batch, part).shape[1], getattr(sample, part).shape[1]
        expect(got == wanted, f"the {part} of the example has {got} positions, and with these settings it has {wanted}")
    if task.target_space.probabilistic:
        # The most probable answers may be others, but these must be possible.
        possible = math.isfinite(task.bounds(shown.length, [batch])[1])
        expect(possible, "the answers of the example have probability 0, given its source and query")
        return
    answer = task.answer(batch)[0]
    for q in torch.where(batch.scored[0])[0].tolist():
        got, wanted = float(answer[q]), float(batch.target[0, q])
        expect(
            abs(got - wanted) <= _tolerance(task, shown.rows["answer"]),
            f"the oracle's answer to query {q} of the example is {_word(task, got)}, and the docstring says "
            f"{_word(task, wanted)}",
        )


def read_example(docstring: str) -> Example:
    """Return the example of a docstring. Raises CheckError, with what to add, if it has none."""
    text = inspect.cleandoc(docstring)
    found = INTRODUCTION.search(text)
    if found is None:
        raise CheckError(f"the docstring of the class has no example: {ADVICE}")
    rows, picture = _rows(text[found.end() :])
    missing = [name for name in ("query", "answer") if name not in rows]
    if "source" not in rows and not picture:
        missing.insert(0, "source")
    if missing:
        raise CheckError(f"the example in the docstring has no row {' and no row '.join(missing)}: {ADVICE}")
    # What is in brackets explains words, and is no setting.
    settings = {name: _value(text) for name, text in SETTING.findall(re.sub(r"\([^)]*\)", "", found[0]))}
    if "length" not in settings:
        raise CheckError(f"the example in the docstring does not say its length: {ADVICE}")
    return Example(settings, settings.pop("length"), rows, picture)


def _rows(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the rows by name, each with the lines that continue it, and the lines above the first row."""
    rows: dict[str, str] = {}
    picture: list[str] = []
    last = ""
    for line in text.splitlines():
        if line and not line.startswith("    "):
            break
        if row := ROW.match(line):
            last = row[1]
            rows[last] = row[2]
        elif line and last:
            rows[last] += f" {line.strip()}"
        elif line:
            picture.append(line[4:])
    return rows, picture


def _settings(value: type[Task], shown: dict[str, Any]) -> dict[str, Any]:
    """Return the settings as a suite would give them to the task, such as 0.0 for 0."""
    known = TASKS.settings(value) or {}
    unknown = [name for name in shown if name not in known]
    expect(not unknown, f"the example has settings that the task does not have: {', '.join(unknown)}")
    return {name: known[name].checked(given, "the example") for name, given in shown.items()}


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _batch(task: Task, shown: Example) -> Batch:
    query = torch.tensor([_tokens(task, "query", shown.rows["query"].split())])
    answers = shown.rows["answer"].split()
    expect(
        len(answers) == query.shape[1],
        f"the example has {query.shape[1]} queries and {len(answers)} answers; `{NOT_SCORED}` is for one not scored",
    )
    known = task.words("target")
    scored = [word != NOT_SCORED or word in known for word in answers]
    numbers = [_answer(task, word) if counts else 0 for word, counts in zip(answers, scored, strict=True)]
    return Batch(_source(task, shown), query, torch.tensor([numbers]), torch.tensor([scored]))


def _source(task: Task, shown: Example) -> Tensor:
    if shown.picture:
        return task.read_picture(shown.picture).unsqueeze(0)
    if task.source_space.discrete:
        return torch.tensor([_tokens(task, "source", shown.rows["source"].split())]).long()
    vectors = [[float(number) for number in vector.split()] for vector in VECTOR.findall(shown.rows["source"])]
    size = task.source_space.size
    expect(
        bool(vectors) and all(len(vector) == size for vector in vectors),
        f"the source of the example must be vectors of {size} numbers in brackets, such as (.31 0)",
    )
    return torch.tensor([vectors])


def _tokens(task: Task, part: Part, shown: Sequence[str]) -> list[int]:
    known = list(task.words(part))
    for word in shown:
        expect(word in known, f'"{word}" in the {part} of the example is not one of words("{part}")')
    return [known.index(word) for word in shown]


def _answer(task: Task, word: str) -> int | float:
    return _tokens(task, "target", [word])[0] if task.target_space.discrete else float(word)


def _tolerance(task: Task, answers: str) -> float:
    """Return 0 for classes, and for numbers half a unit of the last decimal place that is shown."""
    if task.target_space.discrete:
        return 0.0
    places = min(len(word.partition(".")[2]) for word in answers.split() if word != NOT_SCORED)
    return 0.5 * 10.0**-places + 1e-6


def _word(task: Task, answer: float) -> str:
    return str(task.words("target")[int(answer)]) if task.target_space.discrete else f"{answer:.4g}"
