"""Loads plug-ins: those in plugins/, the installed ones, and those given by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS
from registry import Entry, Origin, Registry, UserError, load_installed_plugins, load_plugin, suggestion
from registry.errors import written
from registry.origin import failed_plugins
from results.views import VIEWS
from tasks import TASKS

from .probes import PROBES

ROOT = Path(__file__).resolve().parents[1]
IN_CHECKOUT = (ROOT / "pyproject.toml").is_file()
FOLDER = (ROOT if IN_CHECKOUT else Path.cwd()) / "plugins"
"""A person's own plug-ins: those of the checkout, or of the current folder where the project is installed."""


def load_plugins(specs: Sequence[str] = (), folder: Path = FOLDER) -> tuple[list[Origin], dict[str, str]]:
    """Load all plug-ins. Return their origins, and the errors of those that cannot be imported, by file or name.

    Raises UserError for a named plug-in that does not exist.
    """
    origins, errors = [], load_installed_plugins()
    for spec in [*map(str, sorted(folder.glob("*.py"))), *specs]:
        try:
            origins.append(load_plugin(spec))
        except UserError as error:
            if error.__cause__ is None:
                raise
            errors[spec] = f"{type(error.__cause__).__name__}: {error.__cause__}"
    return origins, errors


def load_plugins_of(run: Path) -> dict[str, str]:
    """Load the plug-ins with which a run was planned, for their views. Return the errors of those that are missing."""
    try:
        known = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["plugins"]
        specs = [Origin(**origin).spec for origin in known]
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # without a valid manifest, a report without plug-ins is better than none
    errors = {}
    for spec in specs:
        try:
            load_plugin(spec)
        except UserError as error:
            errors[spec] = str(error)
    return errors


REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (MODELS, ALIGNMENTS, NORMALIZERS, POSITIONS, TASKS, PROBES, VIEWS)
}


def find(name: str) -> list[tuple[str, Entry[Any]]]:
    """Return every entry called `name` with its kind. Raises UserError, with a suggestion, if there is none."""
    found = [(kind, registry.entry(name)) for kind, registry in REGISTRIES.items() if name in registry]
    if not found:
        names = [known for registry in REGISTRIES.values() for known in registry]
        reason = f" ({failed_plugins[name]})" if name in failed_plugins else ""
        raise UserError(f"nothing is called {written(name)}{reason}.{suggestion(name, names)}")
    return found
