"""The base package: registries of named classes, specs of what was chosen, plug-ins, checks. It never imports torch."""

from .checks import Check, CheckError, Result, only_after, only_if
from .errors import UserError, moved, suggestion
from .origin import BUILT_IN, Origin
from .plugins import load_installed_plugins, load_plugin
from .quantity import Quantity
from .registry import Entry, Registered, Registry
from .spec import REGISTRIES, Choice, Setting, Settings, Spec, SpecError

__all__ = [
    "BUILT_IN",
    "REGISTRIES",
    "Check",
    "CheckError",
    "Choice",
    "Entry",
    "Origin",
    "Quantity",
    "Registered",
    "Registry",
    "Result",
    "Setting",
    "Settings",
    "Spec",
    "SpecError",
    "UserError",
    "load_installed_plugins",
    "load_plugin",
    "moved",
    "only_after",
    "only_if",
    "suggestion",
]
