"""Sequence models: they read an embedded source and answer embedded queries. One file each.

The contract is SequenceModel in model.py; mixer_model.py and transformer_model.py are bases.
`make new KIND=model NAME=my_model` starts one of your own in plugins/.
"""

from typing import TYPE_CHECKING

from registry import moved

from .model import MODELS, SequenceModel

__all__ = ["MODELS", "SequenceModel"]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name
    __getattr__ = moved(__name__, {name: f"mechanisms.{name}" for name in ("State", "state_bytes", "state_tensors")})
