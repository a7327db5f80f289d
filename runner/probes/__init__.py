"""Probes: what is measured of a mechanism, before or after training. One file each.

The contract is Probe in probe.py. A probe imports of the runner only this package, which re-exports what probes need,
so that a file in plugins/ can do the same.
"""

from registry import Quantity
from results import Measurement

from ..training.data import Examples
from ..training.decode import Decoded, decode, score_decoded
from ..training.evaluate import Scores, evaluate
from ..training.network import Ends, Network, evaluating, parameter_count
from ..training.recipe import Recipe
from ..training.trainer import History, Trainer, TrainingStep, learning_curve
from .meters.flops import Cost, cost_of
from .meters.memory import peak_bytes
from .meters.timing import quartiles, repeat, synchronise
from .probe import PROBES, STATE, Probe, Subject

__all__ = [
    "PROBES",
    "STATE",
    "Cost",
    "Decoded",
    "Ends",
    "Examples",
    "History",
    "Measurement",
    "Network",
    "Probe",
    "Quantity",
    "Recipe",
    "Scores",
    "Subject",
    "Trainer",
    "TrainingStep",
    "cost_of",
    "decode",
    "evaluate",
    "evaluating",
    "learning_curve",
    "parameter_count",
    "peak_bytes",
    "quartiles",
    "repeat",
    "score_decoded",
    "synchronise",
]
