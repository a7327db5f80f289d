"""The models in which an alignment or a normalizer is checked: what is wrong may show there only."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from registry import CheckError

from ..compatibility import incompatibility
from ..models import MODELS
from .model_positions import Build


def hosts(kind: str, value: type[Any]) -> dict[str, Build]:
    """Return every built-in model that can use a part of this kind, by name."""
    found: dict[str, Build] = {}
    for entry in MODELS.entries():
        if entry.origin.is_plugin or kind not in MODELS.parts(entry.value):
            continue
        if incompatibility(entry.value, {kind: value}) is None:
            found[f"a {entry.name}"] = partial(entry.value, **{kind: value})  # type: ignore[arg-type]
    return found


def inside(hosts: Mapping[str, Build], check: Callable[[Build], object]) -> None:
    """Run a check of models on each host, and name the host in what it says."""
    for name, host in hosts.items():
        try:
            check(host)
        except CheckError as failure:
            raise CheckError(f"inside {name}: {failure}") from failure
