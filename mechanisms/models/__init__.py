"""Sequence models: what mixes an embedded source into embedded queries. One file per family."""

from .model import MODELS, SequenceModel, State, state_bytes, state_tensors

__all__ = ["MODELS", "SequenceModel", "State", "state_bytes", "state_tensors"]
