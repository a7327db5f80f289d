"""What an alignment must satisfy: alone, in attention, and in the models that can use it."""

from collections.abc import Sequence

from registry import Check

from . import alignment_alone, alignment_hosts
from .expect import seeded

CHECKS: Sequence[Check] = (*alignment_alone.CHECKS, *alignment_hosts.CHECKS)

isolated = seeded
