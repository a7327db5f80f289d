"""Where the numbers of a report come from: suite, commit, versions, and the trials."""

from __future__ import annotations

import hashlib

import pandas as pd

from ..analysis.run import Run
from ..store.files import csv_text

TRIALS = "trials.csv"
"""The file of a report that lists its trials."""

SHOWN = {
    "trial": "trial",
    "mechanism": "mechanism",
    "task": "task",
    "seed": "seed",
    "recipe.learning_rate": "learning_rate",
    "round": "round",
    "probes": "probes",
    "origin": "plugins",
    "outcome": "outcome",
}
VERSIONS = ("python", "torch", "numpy")


def provenance(run: Run) -> list[str]:
    """Return the lines that every file of the report carries. What the manifest does not say is unknown."""
    environment = run.manifest.get("environment")
    known = environment if isinstance(environment, dict) else {}
    rows = listed(run)
    digest = hashlib.sha256(csv_text(rows).encode()).hexdigest()
    lines = [
        f"suite: {run.name}",
        f"commit: {run.manifest.get('commit') or 'unknown'}",
        f"versions: {', '.join(f'{name} {known[name]}' for name in VERSIONS if name in known) or 'unknown'}",
        f"trials: {len(rows)}, listed in {TRIALS} (sha256 {digest})",
    ]
    return [" ".join(line.split()) for line in lines]


def listed(run: Run) -> pd.DataFrame:
    """Return the trials that have ended, one row each: the key, what it is a trial of, and its outcome."""
    ended = run.all_trials[run.all_trials["outcome"].notna()]
    return ended.reindex(columns=list(SHOWN)).rename(columns=SHOWN)
