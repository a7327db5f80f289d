"""What every task must satisfy, as checks."""

from .checks import check_task

__all__ = ["check_task"]
