"""Starts a plug-in from the template of its kind."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template

from registry import UserError, suggestion
from registry.errors import shorten, written

from ..plugins import REGISTRIES

LONGEST = 60  # characters of a name: longer ones do not fit into tables, or into the name of a file


def create(kind: str, name: str, folder: Path) -> Path:
    """Write folder/name.py from the template of `kind` and return its path.

    Raises UserError if the kind has no template, the name is taken or not a Python name, or the file exists.
    """
    templates = {each: path for each, registry in REGISTRIES.items() if (path := registry.template) is not None}
    if kind not in templates:
        raise UserError(f"there is no template for {written(kind)}.{suggestion(kind, templates)}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(f"'{name}' is not a Python name; use letters, digits and underscores, as in my_score")
    if len(name) > LONGEST:
        raise UserError(f"{written(name)} is too long a name; at most {LONGEST} letters were expected")
    path = folder / f"{name}.py"
    if name in REGISTRIES[kind]:
        origin = REGISTRIES[kind].entry(name).origin
        raise UserError(f"the {kind} '{name}' is taken, by {origin.source}; choose another name")
    title = "".join(part.capitalize() for part in name.split("_"))
    text = Template(templates[kind].read_text(encoding="utf-8")).substitute(name=name, title=title)
    try:
        if path.exists():
            raise UserError(f"{path} exists already; edit it, or choose another name")
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{shorten(path)} cannot be written: {error.strerror}") from None
    return path
