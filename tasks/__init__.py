"""Seeded generators of synthetic questions about a source. Knows torch and nothing of mechanisms."""

from .task import HIDDEN, TASKS, Batch, Classes, Distribution, Features, Part, Presets, Scalar, Task, Tokens

__all__ = [
    "HIDDEN",
    "TASKS",
    "Batch",
    "Classes",
    "Distribution",
    "Features",
    "Part",
    "Presets",
    "Scalar",
    "Task",
    "Tokens",
]
