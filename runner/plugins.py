"""Loads the plugins of a person's own folder, the installed ones and those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS
from registry import Entry, Origin, Registry, UserError, load_installed_plugins, load_plugin, suggestion
from results.views import VIEWS
from tasks import TASKS

from .probes import PROBES

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "plugins"


def load_plugins(specs: Sequence[str] = (), folder: Path = FOLDER) -> tuple[list[Origin], dict[str, str]]:
    """Load every plugin; return their origins, and the errors, by file or name, of those that cannot be imported.

    Raises UserError for a named plugin that does not exist.
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


REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (MODELS, ALIGNMENTS, NORMALIZERS, POSITIONS, TASKS, PROBES, VIEWS)
}


def find(name: str) -> list[tuple[str, Entry[Any]]]:
    """Return every entry called `name` with its kind; UserError with the nearest name where there is none."""
    found = [(kind, registry.entry(name)) for kind, registry in REGISTRIES.items() if name in registry]
    if not found:
        names = [known for registry in REGISTRIES.values() for known in registry]
        raise UserError(f"nothing is called '{name}'.{suggestion(name, names)}")
    return found
