"""Probes: what is measured of a mechanism, before or after training. One file each.

The contract is Probe in probe.py. A probe imports of the runner only this package, which re-exports what probes need,
so that a file in plugins/ can do the same.
"""

from typing import TYPE_CHECKING

from registry import Quantity, moved
from results import Measurement

from ..training.data import Examples
from ..training.decode import Decoded, decode, score_decoded
from ..training.evaluate import Scores, evaluate
from ..training.network import Network, evaluating, parameter_count
from ..training.recipe import Recipe
from ..training.seeds import scoped
from ..training.trainer import History, Trainer, TrainingStep, learning_curve
from ..training.weights import attention_weights
from .meters.attribution import gradient_times_input, leave_one_out
from .meters.flops import ModelCost, cost_of, prefill_operations
from .meters.kendall import kendall_tau
from .meters.memory import peak_bytes
from .meters.random_text import random_text, random_text_batch, random_text_network
from .meters.reference import matrix_product, reference_job
from .meters.timing import quartiles, repeat, synchronise
from .probe import PROBES, STATE, Probe, Subject

__all__ = [
    "PROBES",
    "STATE",
    "Decoded",
    "Examples",
    "History",
    "Measurement",
    "ModelCost",
    "Network",
    "Probe",
    "Quantity",
    "Recipe",
    "Scores",
    "Subject",
    "Trainer",
    "TrainingStep",
    "attention_weights",
    "cost_of",
    "decode",
    "evaluate",
    "evaluating",
    "gradient_times_input",
    "kendall_tau",
    "learning_curve",
    "leave_one_out",
    "matrix_product",
    "parameter_count",
    "peak_bytes",
    "prefill_operations",
    "quartiles",
    "random_text",
    "random_text_batch",
    "random_text_network",
    "reference_job",
    "repeat",
    "scoped",
    "score_decoded",
    "synchronise",
]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name
    __getattr__ = moved(__name__, {"Cost": "runner.probes.ModelCost"})
