"""Conformance: what every registered alignment, normalizer, position scheme and model must satisfy, as checks.

Each registry names the module of its kind. `registry.check(value)` runs the checks, as `make check NAME=my_score` does.
"""
