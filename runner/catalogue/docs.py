"""docs/mechanisms.md and the list in docs/tasks.md: everything built in, from docstrings and signatures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from textwrap import dedent
from typing import Any

from registry import Entry, UserError
from registry.docstring import short_source
from results.store.formats import ABSENT, count
from results.store.markdown import markdown
from tasks import TASKS, Task
from tasks.floors import READERS, Floors, best_reader

from ..plugins import REGISTRIES, ROOT
from .bounds import NOTED, overview, score
from .describe import KINDS, Description, describe, entries, lines

PATH = ROOT / "docs" / "mechanisms.md"
TASKS_PATH = ROOT / "docs" / "tasks.md"
AGAIN = "python -m runner docs"
LEAD = f"""\
# Mechanisms

<!-- Written by `{AGAIN}` from the docstrings and the signatures: change those, then run it again. -->

All built-in mechanisms, each with its formula, source, settings, cost, and the parts or models that it can be combined
with. The numbers are for width 64; those of an alignment or a position scheme are for one head of that width. The cost
of a model is the work of a layer and the number of sequential steps; the cost of an alignment is that of one score.
`python -m runner info NAME` shows the same, also for plug-ins; `python -m runner costs` counts operations."""

TASKS_MARK = f"<!-- From here on written by `{AGAIN}` from docstrings: change those, then run it again. -->"
TASKS_LEAD = "## All tasks\n\n`python -m runner show NAME` prints an example."
SEEN_LIST = "\n".join(f"- {name}: {seen}" for name, seen in READERS.items())
FLOORS_LEAD = f"""\
## What simple readers score

Chance is the metric of the best predictor that has not read the source, and the ceiling that of a perfect reader; for a
mean squared error and for nats, lower is better. Between them are readers that cannot attend. Each answers a query from
its token, its position and a few features, with one hidden layer:

{SEEN_LIST}

Their scores are normalised: 0 is chance and 1 the ceiling. They are lower bounds of what such readers can do, because
a fit has a fixed number of steps. The best score of a task is bold if it is at least {NOTED}; a network that scores no
more need not have attended to anything. All settings are the defaults. "{ABSENT}" means that the reader has nothing to
read, or that the task has changed since the fit. `.venv/bin/python -m benchmarks.shortcut_floors` fits them again."""


def page() -> str:
    """Return the page, without plug-ins."""
    parts = [LEAD]
    for kind in KINDS:
        found = [describe(kind, entry, built_in=True) for entry in entries(REGISTRIES[kind], built_in=True)]
        parts += [f"## {kind.capitalize()}s", _table(found), *(_section(each) for each in found)]
    return "\n\n".join(parts) + "\n"


def tasks_page(text: str) -> str:
    """Return the text of docs/tasks.md with the list of tasks written again; the text above it stays."""
    head, mark, _ = text.partition(TASKS_MARK)
    if not mark:
        raise UserError(f"{TASKS_PATH} has lost the line that begins the list of tasks: {TASKS_MARK}")
    found = entries(TASKS, built_in=True)
    table = markdown(["task", "the question", "source", "presets"], map(_task_row, found), raw=True).rstrip()
    parts = [head + mark, TASKS_LEAD, table, FLOORS_LEAD, _floors_table(found), *map(_task_section, found)]
    return "\n\n".join(parts) + "\n"


def _task_row(entry: Entry[Task]) -> list[str]:
    shown = describe(TASKS.kind, entry, built_in=True)
    presets = ", ".join(f"`{name}`" for name in entry.value.presets) or ABSENT
    return [f"[{shown.name}](#{shown.name})", shown.formula, short_source(shown.source), presets]


def _floors_table(found: Sequence[Entry[Task]]) -> str:
    bounds = {entry.name: overview(entry.name) for entry in found}
    readers = [reader for reader in READERS if any(reader in (each.floors or {}) for each in bounds.values())]
    rows = []
    for name, each in bounds.items():
        floors = [_floor(each.floors or {}, reader) for reader in readers]
        rows.append([f"[{name}](#{name})", str(each.length), f"{each.chance:.3g}", *floors, f"{each.ceiling:.3g}"])
    numbers = ["length", "chance", *readers, "ceiling"]
    return markdown(["task", *numbers], rows, right=numbers, raw=True).rstrip()


def _floor(floors: Floors, reader: str) -> str:
    if reader not in floors:
        return ABSENT
    shown = score(floors[reader])
    return f"**{shown}**" if best_reader(floors)[0] == reader and floors[reader] >= NOTED else shown


def _task_section(entry: Entry[Task]) -> str:
    shown = describe(TASKS.kind, entry, built_in=True)
    settings = ", ".join(f"`{setting}`" for setting in shown.settings) or "none"
    items = [f"- settings: {settings}", *(f"- {about}: {sentence}" for about, sentence in shown.facts.items())]
    items += [f"- preset `{name}`: {_given(given)}" for name, given in entry.value.presets.items()]
    items.append(f"- file: [{shown.file}](../{shown.file})")
    return "\n\n".join([f"### {shown.name}", shown.formula, _fenced(shown.text), "\n".join(items)])


def _given(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def _fenced(text: str) -> str:
    """Return a docstring's text with its indented examples between fences."""
    paragraphs = []
    for indented, lines_of in groupby(text.split("\n"), key=lambda line: not line or line.startswith("    ")):
        block = list(lines_of)
        shown = dedent("\n".join(block)).strip("\n")
        if indented and shown:
            paragraphs.append(f"```\n{shown}\n```")
        elif not indented:
            paragraphs.append("\n".join(block))
    return "\n\n".join(paragraphs)


def _table(found: Sequence[Description]) -> str:
    about = list(dict.fromkeys(label for each in found for label in each.facts if label != "torch.compile"))
    rows = []
    for each in found:
        parameters = ABSENT if each.parameters is None else count(each.parameters)
        facts = [each.facts.get(label, ABSENT) for label in about]
        rows.append([f"[{each.name}](#{_anchor(each)})", short_source(each.source), parameters, *facts])
    return markdown(["name", "source", "parameters", *about], rows, right=["parameters"], raw=True).rstrip()


def _section(shown: Description) -> str:
    parts = [f"### {_title(shown)}", f"```\n{shown.formula}\n```", shown.text, "\n".join(_items(shown))]
    return "\n\n".join(part for part in parts if part)


def _items(shown: Description) -> Iterator[str]:
    for about, sentence in lines(shown):
        each = [f"`{line}`" for line in sentence.split("\n")] if about == "settings" and shown.settings else [sentence]
        yield f"- {about}: {', '.join(each)}"
    yield f"- file: [{shown.file}](../{shown.file})"


def _title(shown: Description) -> str:
    # With the kind, because two kinds may have the same name.
    return f"{shown.kind} {shown.name}"


def _anchor(shown: Description) -> str:
    return _title(shown).replace(" ", "-")
