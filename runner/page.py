"""docs/mechanisms.md: everything that comes with the project, written from what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .describe import KINDS, Description, describe, entries
from .kinds import REGISTRIES
from .show import lines
from .sources import ROOT

PATH = ROOT / "docs" / "mechanisms.md"
AGAIN = "python -m runner docs"
LEAD = f"""\
# Mechanisms

<!-- Written by `{AGAIN}` from the docstrings and the signatures: change those, then run it again. -->

Everything that comes with the project: its formula, where it is from, its settings, what it costs and what it may be
combined with. Numbers are at width 64, an alignment's and a position scheme's for one head of that width. A model's
cost is the work of a layer and the steps that have to be taken one after another; an alignment's is that of one score.
`python -m runner info NAME` shows the same, of plugins too; `python -m runner costs` counts operations."""


def page() -> str:
    """Return the page; plugins are not in it."""
    parts = [LEAD]
    for kind in KINDS:
        found = [describe(kind, entry, built_in=True) for entry in entries(REGISTRIES[kind], built_in=True)]
        parts += [f"## {kind.capitalize()}s", _table(found), *(_section(each) for each in found)]
    return "\n\n".join(parts) + "\n"


def _table(found: Sequence[Description]) -> str:
    about = list(dict.fromkeys(label for each in found for label in each.facts if label != "torch.compile"))
    rows = [["name", "source", "parameters", *about]]
    rows.append(["---", "---", "---:", *("---" for _ in about)])
    for each in found:
        parameters = "–" if each.parameters is None else f"{each.parameters:,}"
        facts = [_cell(each.facts.get(label, "–")) for label in about]
        rows.append([f"[{each.name}](#{_anchor(each)})", _cell(each.source or "–"), parameters, *facts])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _section(shown: Description) -> str:
    parts = [f"### {_title(shown)}", f"```\n{shown.formula}\n```", shown.text, "\n".join(_items(shown))]
    return "\n\n".join(part for part in parts if part)


def _items(shown: Description) -> Iterator[str]:
    for about, sentence in lines(shown):
        each = [f"`{line}`" for line in sentence.split("\n")] if about == "settings" and shown.settings else [sentence]
        yield f"- {about}: {', '.join(each)}"
    yield f"- file: [{shown.file}](../{shown.file})"


def _title(shown: Description) -> str:
    # With the kind in front, since a name may be of two.
    return f"{shown.kind} {shown.name}"


def _anchor(shown: Description) -> str:
    return _title(shown).replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
