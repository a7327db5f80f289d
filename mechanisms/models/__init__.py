"""Sequence models: what mixes an embedded source into embedded queries. One file each.

The contract is SequenceModel in model.py; mixer_model.py and transformer_model.py are bases.
`make new KIND=model NAME=my_model` starts one of your own in plugins/.
"""

from .model import MODELS, SequenceModel

__all__ = ["MODELS", "SequenceModel"]
