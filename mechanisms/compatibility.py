"""Which parts cannot be combined with which model, and why: known before anything is built."""

from collections.abc import Mapping
from typing import Any

from .models import MODELS, SequenceModel


def incompatibility(model: type[SequenceModel], parts: Mapping[str, type[Any]]) -> str | None:
    """Return why a model cannot be built from these parts (classes by their kind); None if it can."""
    alignment = parts.get("alignment")
    if alignment is not None and alignment.needs_history and not model.passes_history:
        able = ", ".join(entry.name for entry in MODELS.entries() if entry.value.passes_history)
        return (
            "its alignment needs the weights of earlier steps over one source, which this model does not pass on "
            f"(these models do: {able})"
        )
    position = parts.get("position")
    if position is not None and "alignment" not in MODELS.parts(model) and (position.rotates() or position.biases()):
        return "its position scheme changes queries, keys or scores, and this model has none of them"
    return None
