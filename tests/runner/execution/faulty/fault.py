"""A faulty plug-in: what it does, as words and as code, and how its trial must end."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent, indent

LEFT_OUT = "left out"
"""The outcome of a plug-in that the plan leaves out, so that it has no trial."""

IMPORTS = '''"""{does}"""
import os
import signal
import sys
import time

import torch

from mechanisms.alignments import ALIGNMENTS, InnerProduct
'''

SOUND = '''

@ALIGNMENTS.register("{name}")
class Faulty(InnerProduct):
    """e(s, h) = <s, h>

    Source: this project.
    """
'''

SCORE = """
    def score(self, query, key):
{body}
        return super().score(query, key)
"""


@dataclass(frozen=True)
class Fault:
    """One faulty plug-in, a file called `name`.py.

    `outcomes` are those that its trial may have; several only where the system decides. `reason` is a part of the
    reason that is stored. `often` puts it among the few that `make test` runs.
    """

    name: str
    does: str
    text: str
    outcomes: tuple[str, ...]
    reason: str = ""
    often: bool = False

    @property
    def row(self) -> str:
        """The row of the table in docs/reliability.md."""
        outcome = " or ".join(f"`{each}`" if each != LEFT_OUT else each for each in self.outcomes)
        return f"| {self.does} | {outcome}{f': {self.reason}' if self.reason else ''} |"


def score(name: str, does: str, body: str, outcome: str, reason: str = "", often: bool = False) -> Fault:
    """Return a plug-in that does something while it scores. `outcome` may be several, with " or " between them."""
    text = IMPORTS + SOUND + SCORE.format(body=indent(dedent(body).strip(), " " * 8))
    return _fault(name, does, text, outcome, reason, often)


def file(name: str, does: str, body: str, outcome: str, reason: str = "", often: bool = False) -> Fault:
    """Return a plug-in that does something when it is imported, and behind it registers a sound alignment."""
    return _fault(name, does, IMPORTS + "\n" + dedent(body).strip() + "\n" + SOUND, outcome, reason, often)


def whole(name: str, does: str, body: str, outcome: str, reason: str = "", often: bool = False) -> Fault:
    """Return a plug-in that registers what its own text says."""
    return _fault(name, does, IMPORTS + "\n" + dedent(body).strip() + "\n", outcome, reason, often)


def _fault(name: str, does: str, text: str, outcome: str, reason: str, often: bool) -> Fault:
    text = text.replace("{name}", name).replace("{does}", does[0].upper() + does[1:] + ".")
    return Fault(name, does, text, tuple(outcome.split(" or ")), reason, often)
