"""The base package: registries of named classes, specs of what was chosen, plug-ins, checks. It never imports torch."""

from .checks import Check, CheckError, Result
from .errors import UserError, suggestion
from .origin import BUILT_IN, Origin
from .plugins import load_installed_plugins, load_plugin
from .registry import Entry, Registry
from .spec import Choice, build, hyperparameters

__all__ = [
    "BUILT_IN",
    "Check",
    "CheckError",
    "Choice",
    "Entry",
    "Origin",
    "Registry",
    "Result",
    "UserError",
    "build",
    "hyperparameters",
    "load_installed_plugins",
    "load_plugin",
    "suggestion",
]
