"""Loads plug-ins: those in plugins/, the installed ones, and those given by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS, Alignment, Normalizer, Position, SequenceModel
from registry import Entry, Origin, Registry, UserError, load_plugin, suggestion
from registry.errors import written
from registry.origin import DISTRIBUTION, failed_plugins
from registry.plugins import forget, installed_plugins, is_loaded, load_harmlessly, missing, record_failure
from results.views import VIEWS, View
from tasks import TASKS, Task

from .isolation import ApartError, each_apart, note, unchanged, why
from .probes import PROBES, Probe

ROOT = Path(__file__).resolve().parents[1]
IN_CHECKOUT = (ROOT / "pyproject.toml").is_file()
FOLDER = (ROOT if IN_CHECKOUT else Path.cwd()) / "plugins"
"""A person's own plug-ins: those of the checkout, or of the current folder where the project is installed."""


def load_plugins(specs: Sequence[str] = (), folder: Path = FOLDER) -> tuple[list[Origin], dict[str, str]]:
    """Load all plug-ins. Return their origins, and the errors of those that cannot be imported, by file or name.

    Raises UserError for a named plug-in that does not exist.
    """
    origins, errors, installed = [], {}, installed_plugins()
    for place, spec in enumerate([*installed, *map(str, sorted(folder.glob("*.py"))), *specs]):
        try:
            origin = load_tried(spec)
        except UserError as error:
            if error.__cause__ is None:
                raise
            errors[spec.removeprefix(DISTRIBUTION)] = why(error.__cause__)
        else:
            origins += [origin] if place >= len(installed) else []
    return origins, errors


def load_tried(spec: str) -> Origin:
    """Import a plug-in as `load_plugin` does, but first in a process of its own, which may take harm from it.

    If that process ends otherwise, or this one could not go on as before, the plug-in is an error. What else it changes
    in this process is set back, and a note says so.
    """
    if is_loaded(spec) or missing(spec) is not None:
        return load_plugin(spec)
    try:
        (harm,) = each_apart(lambda: [load_harmlessly(spec)], about=f"the import of {spec}")
        if harm is not None:
            raise ApartError(harm)
    except ApartError as error:
        record_failure(spec, str(error))
        raise UserError(f"plug-in {spec}: cannot be imported: {error}") from error
    with unchanged() as changed:
        origin = load_plugin(spec)
        try:
            _check_entries(spec, origin)
        except UserError:
            forget(origin)
            raise
    if changed:
        note(f"what the import of {spec} changed in this process was set back: {', '.join(changed)}")
    return origin


def _refuse(spec: str, reason: str) -> NoReturn:
    record_failure(spec, reason)
    raise UserError(f"plug-in {spec}: {reason}") from ApartError(reason)


def _check_entries(spec: str, origin: Origin) -> None:
    """Refuse a plug-in with a class that is nothing of its kind."""
    for kind, registry in REGISTRIES.items():
        for entry in registry.plugins():
            contract = CONTRACTS[kind]
            if entry.origin == origin and not (isinstance(entry.value, type) and issubclass(entry.value, contract)):
                what = f"the {kind} '{entry.name}' is no {contract.__name__}"
                _refuse(spec, f"{what}: its class must be derived from that")


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
            load_tried(spec)
        except UserError as error:
            errors[spec] = str(error)
    return errors


REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (MODELS, ALIGNMENTS, NORMALIZERS, POSITIONS, TASKS, PROBES, VIEWS)
}

CONTRACTS: dict[str, type] = {
    "model": SequenceModel,
    "alignment": Alignment,
    "normalizer": Normalizer,
    "position": Position,
    "task": Task,
    "probe": Probe,
    "view": View,
}


def find(name: str) -> list[tuple[str, Entry[Any]]]:
    """Return every entry called `name` with its kind. Raises UserError, with a suggestion, if there is none."""
    found = [(kind, registry.entry(name)) for kind, registry in REGISTRIES.items() if name in registry]
    if not found:
        names = [known for registry in REGISTRIES.values() for known in registry]
        reason = f" ({failed_plugins[name]})" if name in failed_plugins else ""
        raise UserError(f"nothing is called {written(name)}{reason}.{suggestion(name, names)}")
    return found
