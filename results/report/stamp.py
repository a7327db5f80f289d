"""Whether a report was drawn from the present results: their digest, kept beside it in report/.drawn."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from ..store.database import Store
from ..store.files import write_text
from ..store.load import store_of
from ..views import VIEWS

MARK = ".drawn"
PACKAGE = Path(__file__).parents[1]


def report_is_current(run: str | Path) -> bool:
    """Tell whether report.html exists and was drawn from the results, and by the code, that are there now."""
    folder = Path(run) / "report"
    try:
        kept = (folder / MARK).read_text()
    except OSError:
        return False
    return (folder / "report.html").is_file() and kept == digest(run)


def mark_drawn(run: str | Path) -> Callable[[], None]:
    """Return what marks the report as drawn from the results of this moment."""
    now = digest(run)
    return lambda: write_text(Path(run) / "report" / MARK, now)


def digest(run: str | Path) -> str:
    """Return a digest of all that a report depends on: the results, the manifest, the views and the code."""
    with Store(store_of(run), read_only=True) as store:
        known = [*store.snapshot(), store.unavailable(), [each.to_json() for each in store.quantities().values()]]
    known.append([(entry.name, entry.origin.version) for entry in VIEWS.plugins()])
    found = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    manifest = Path(run) / "manifest.json"
    found.update(manifest.read_bytes() if manifest.is_file() else b"")
    for source in sorted(PACKAGE.rglob("*")):
        if source.suffix in (".py", ".j2"):
            found.update(source.read_bytes())
    return found.hexdigest()
