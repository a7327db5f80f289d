"""Loads the plugins of a person's own folder, the installed ones and those that are named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from registry import Origin, UserError, load_installed_plugins, load_plugin

from .sources import ROOT

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
