"""The exit codes of `run` beside 0, and 1 for wrong input."""

SOME_FAILED = 2
INTERRUPTED = 130
"""After Ctrl-C, or a signal that asks a process to end."""
