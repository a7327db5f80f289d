"""Where a registered class comes from."""

from __future__ import annotations

import contextvars
from dataclasses import dataclass

DISTRIBUTION = "distribution:"


@dataclass(frozen=True)
class Origin:
    """Where a registered class comes from.

    `kind` is "built-in", "file", "module" or "package"; `source` the path, module or distribution;
    `version` the distribution's version or the digest of the file's content.
    """

    kind: str
    source: str
    version: str

    @property
    def is_plugin(self) -> bool:
        return self.kind != "built-in"

    @property
    def spec(self) -> str:
        """The argument with which `load_plugin` loads it."""
        return f"{DISTRIBUTION}{self.source}" if self.kind == "package" else self.source


BUILT_IN = Origin("built-in", "attention-bench", "")
BUILT_IN_PACKAGES = ("mechanisms.", "tasks.", "runner.", "results.")
"""Begin the names of the modules of the project."""

current_origin: contextvars.ContextVar[Origin] = contextvars.ContextVar("origin", default=BUILT_IN)
"""The origin of the classes that are being registered."""

failed_plugins: dict[str, str] = {}
"""The errors of plug-ins that could not be imported, by the names that they would register."""
