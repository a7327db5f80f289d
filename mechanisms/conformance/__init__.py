"""What every registered class must satisfy, as callable checks.

The tests run them over the registries, `python -m runner check NAME` over a stranger's plugin.
"""

from collections.abc import Iterator, Sequence

from registry import Check, Result

from . import alignment, alignment_hosts, model, normalizer, position
from .expect import run

CHECKS: dict[str, Sequence[Check]] = {
    "alignment": (*alignment.CHECKS, *alignment_hosts.CHECKS),
    "normalizer": normalizer.CHECKS,
    "position": position.CHECKS,
    "model": model.CHECKS,
}

__all__ = ["CHECKS", "Result", "check_entry"]


def check_entry(kind: str, value: type) -> Iterator[Result]:
    """Yield the result of every check on a class of the kind alignment, normalizer, position or model.

    The first check constructs it; where that fails, there is nothing to run the others on.
    """
    for check in CHECKS[kind]:
        result = run(check, value)
        yield result
        if check.__name__ == "constructs" and not result.passed:
            return
