"""Conformance: what every registered task must satisfy, as checks.

The registry names task.py. `TASKS.check(value)` runs its checks, as `make check NAME=my_task` does.
"""
