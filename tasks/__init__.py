"""Tasks: seeded generators of questions about a source. One file each; they know torch and nothing of mechanisms.

The contract is Task in task.py; sources/ is where texts are drawn from.
`make new KIND=task NAME=my_task` starts one of your own in plugins/.
"""

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
