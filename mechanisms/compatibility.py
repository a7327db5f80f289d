"""Which parts may stand in which model, and why not: known before anything is built."""

import inspect
from collections.abc import Mapping
from typing import Any

from registry import Registry

from .alignments import ALIGNMENTS
from .models import MODELS, SequenceModel
from .normalizers import NORMALIZERS
from .positions import POSITIONS

PARTS: dict[str, Registry[Any]] = {"alignment": ALIGNMENTS, "normalizer": NORMALIZERS, "position": POSITIONS}
"""The parts a model may be built from, by the constructor's argument that takes them."""


def slots(owner: type) -> dict[str, Any]:
    """Return the kinds of parts that a model, or a part, is built from, each with its default choice."""
    parameters = inspect.signature(owner).parameters
    return {kind: parameters[kind].default for kind in PARTS if kind in parameters}


def incompatibility(model: type[SequenceModel], parts: Mapping[str, type[Any]]) -> str | None:
    """Return why these parts (a class by kind) cannot stand in a model, None where they can."""
    alignment = parts.get("alignment")
    if alignment is not None and alignment.needs_history and not model.passes_history:
        able = ", ".join(entry.name for entry in MODELS.entries() if entry.value.passes_history)
        return (
            "its alignment needs the weights of earlier steps over one source, which this model does not pass on "
            f"(these do: {able})"
        )
    position = parts.get("position")
    if position is not None and "alignment" not in slots(model) and (position.rotates() or position.biases()):
        return "its position scheme marks queries, keys or scores, and this model has none of them"
    return None
