"""Checks the shapes in signatures at run time, in tests only."""

import os

# Tests run side by side, one process a core: more threads than that only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook(["mechanisms", "tasks", "runner.training", "runner.probes"], "beartype.beartype")
