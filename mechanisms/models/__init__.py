"""Sequence models: what mixes an embedded source into embedded queries. One file each."""

from .model import MODELS, SequenceModel

__all__ = ["MODELS", "SequenceModel"]
