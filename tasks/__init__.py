"""Seeded generators of synthetic questions about a source. Knows torch and nothing of mechanisms."""

from .task import TASKS, Batch, Classes, Features, Scalar, Task, Tokens

__all__ = ["TASKS", "Batch", "Classes", "Features", "Scalar", "Task", "Tokens"]
