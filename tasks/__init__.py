"""Tasks: seeded generators of questions about a source, one in each file. They import torch and no mechanism.

The contract is Task in task.py, with the spaces in spaces.py; sources/ generates the texts of several tasks.
`make new KIND=task NAME=my_task` makes the file of a new task in plugins/.
"""

from .spaces import Bounds, Classes, Distribution, Features, Scalar, TargetSpace, Tokens, most_probable
from .task import HIDDEN, TASKS, Batch, Part, Presets, Task, uniform

__all__ = [
    "HIDDEN",
    "TASKS",
    "Batch",
    "Bounds",
    "Classes",
    "Distribution",
    "Features",
    "Part",
    "Presets",
    "Scalar",
    "TargetSpace",
    "Task",
    "Tokens",
    "most_probable",
    "uniform",
]
