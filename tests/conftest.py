"""Checks the shapes in signatures at run time, in tests only."""

from jaxtyping import install_import_hook

install_import_hook(["mechanisms", "tasks", "runner.network", "runner.train", "runner.probes"], "beartype.beartype")
