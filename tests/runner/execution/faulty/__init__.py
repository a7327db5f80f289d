"""Faulty plug-ins, each another way to spoil a run, with how its trial must end.

    python -m tests.runner.execution.faulty

writes their table into docs/reliability.md, which a test compares with this list.
"""

from .errors import ERRORS
from .fault import LEFT_OUT, Fault
from .imports import IMPORTED, REGISTERED
from .processes import CHILDREN, GROWING, HANGS
from .state import PIPES, STATE
from .values import SCORES

__all__ = ["FAULTS", "GROUPS", "LEFT_OUT", "Fault", "table"]

SECTIONS = {
    "While it scores, the plug-in raises an error or ends its process": ERRORS,
    "It hangs": HANGS,
    "It fills memory or disk": GROWING,
    "It leaves processes or threads": CHILDREN,
    "Its scores are wrong": SCORES,
    "It writes where it should not": PIPES,
    "It changes its process or its run's folder": STATE,
    "It does something when it is imported": IMPORTED,
    "It registers what it should not": REGISTERED,
}

FAULTS = tuple(fault for section in SECTIONS.values() for fault in section)

GROUPS = {
    "often": tuple(fault for fault in FAULTS if fault.often),
    **{name: tuple(fault for fault in section if not fault.often) for name, section in SECTIONS.items()},
}
"""The plug-ins that share one run: the few of `make test`, and the others by section."""


def table() -> str:
    """Return the table for docs/reliability.md."""
    lines = ["| what it does | its trial |", "|---|---|"]
    for name, section in SECTIONS.items():
        lines += [f"| **{name}** | |", *(fault.row for fault in section)]
    return "\n".join(lines) + "\n"
