"""Conformance: what every registered probe must satisfy, as checks.

The registry names probe.py. `PROBES.check(value)` runs its checks, as `make check NAME=my_probe` does.
"""
