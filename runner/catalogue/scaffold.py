"""Starts a plugin from a template."""

from __future__ import annotations

import keyword
from pathlib import Path
from string import Template

from registry import UserError, suggestion

from ..plugins import REGISTRIES


def create(kind: str, name: str, folder: Path) -> Path:
    """Write folder/name.py from the template of `kind` and return its path.

    Raises UserError where the kind is unknown, the name is no Python name or taken, or the file exists.
    """
    templates = {each: path for each, registry in REGISTRIES.items() if (path := registry.template) is not None}
    if kind not in templates:
        raise UserError(f"there is no template for '{kind}'.{suggestion(kind, templates)}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(f"'{name}' is no Python name; letters, digits and underscores are, such as my_score")
    path = folder / f"{name}.py"
    if path.exists():
        raise UserError(f"{path} exists already; edit it, or choose another name")
    _refuse_taken(kind, name)
    title = "".join(part.capitalize() for part in name.split("_"))
    text = Template(templates[kind].read_text(encoding="utf-8")).substitute(name=name, title=title)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _refuse_taken(kind: str, name: str) -> None:
    if name in REGISTRIES[kind]:
        origin = REGISTRIES[kind].entry(name).origin
        raise UserError(f"the {kind} '{name}' is taken, by {origin.source}; choose another name")
