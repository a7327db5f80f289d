"""All the registries, by the kind of what they hold."""

from __future__ import annotations

from typing import Any

from mechanisms import ALIGNMENTS, MODELS, NORMALIZERS, POSITIONS
from registry import Entry, Registry, UserError, nearest
from tasks import TASKS

from .probes import PROBES

REGISTRIES: dict[str, Registry[Any]] = {
    registry.kind: registry for registry in (MODELS, ALIGNMENTS, NORMALIZERS, POSITIONS, TASKS, PROBES)
}


def find(name: str) -> list[tuple[str, Entry[Any]]]:
    """Return every entry called `name` with its kind; UserError with the nearest name where there is none."""
    found = [(kind, registry.entry(name)) for kind, registry in REGISTRIES.items() if name in registry]
    if not found:
        names = [known for registry in REGISTRIES.values() for known in registry]
        raise UserError(f"nothing is called '{name}'.{nearest(name, names)}")
    return found
