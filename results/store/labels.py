"""How mechanisms are grouped and shortened where space is scarce."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NO_ALIGNMENT = "without an alignment"


@dataclass(frozen=True)
class Family:
    """Mechanisms that are drawn together: one host with its alignments, or the models that have none to choose."""

    title: str
    mechanisms: tuple[str, ...]


def families(cells: pd.DataFrame) -> list[Family]:
    """Return the families in the order of the plan, the models without an alignment first."""
    found: dict[str, list[str]] = {}
    for row in cells.drop_duplicates("mechanism").to_dict("records"):
        host = row["model"] if isinstance(row["alignment"], str) else NO_ALIGNMENT
        found.setdefault(host, []).append(row["mechanism"])
    order = sorted(found, key=lambda host: host != NO_ALIGNMENT)
    return [Family(host, tuple(found[host])) for host in order]


def short(mechanism: str, family: Family) -> str:
    """Return the name without its host, where the family's title already says it."""
    head = f"{family.title}("
    return mechanism[len(head) : -1] if mechanism.startswith(head) and mechanism.endswith(")") else mechanism
