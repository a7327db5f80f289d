"""What the code of plug-ins may replace or remove in this process, and what puts it back: functions and modules."""

from __future__ import annotations

import atexit
import builtins
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

PROJECT = ("registry", "mechanisms", "tasks", "runner", "results")
# fmt: off
COMMON = frozenset((
    "contextlib", "importlib", "importlib.metadata", "io", "json", "multiprocessing.connection", "os", "pathlib",
    "pickle", "random", "resource", "select", "shutil", "signal", "socket", "sqlite3", "subprocess", "sys",
    "tempfile", "threading", "time", "torch", "warnings"
))
# fmt: on
SEARCHED = ("path", "meta_path", "path_hooks")
"""What the system looks through for a module."""

END_ORDERLY = sys.stdlib_module_names | {"PIL", "matplotlib", "numpy", "pandas", "torch"}
"""The modules whose exit handlers stay, because a plug-in may be the first that imports them."""

METHODS = (classmethod, staticmethod, property)


@contextmanager
def no_exit_handlers(changed: list[str]) -> Iterator[None]:
    """Register no handler of a plug-in, which might keep this process from ending, or change its exit code."""
    register, dropped = atexit.register, []

    def register_if_orderly(handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
        if str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0] in END_ORDERLY:
            return register(handler, *args, **kwargs)
        dropped.append(handler)
        return handler

    atexit.register = register_if_orderly  # type: ignore[assignment]
    try:
        yield
    finally:
        atexit.register = register
        changed += ["exit handlers"] if dropped else []


def modules_put_back() -> Callable[[], list[str]]:
    """Return a function that puts back what is lost of the modules and of where they are looked for.

    What a plug-in adds stays, for example its folder.
    """
    lists = {name: (getattr(sys, name), list(getattr(sys, name))) for name in SEARCHED}
    modules, loaded = sys.modules, dict(sys.modules)

    def put_back() -> list[str]:
        lost = []
        for name, (entries, kept) in lists.items():
            now = getattr(sys, name, None)
            found = list(now) if isinstance(now, list) else []
            if any(each not in found for each in kept):
                entries[:] = [*kept, *(each for each in found if each not in kept)]
                setattr(sys, name, entries)
                lost.append(f"sys.{name}")
        if sys.modules is not modules or any(modules.get(name) is not module for name, module in loaded.items()):
            modules.update(loaded)
            sys.modules = modules
            lost.append("sys.modules")
        if lost:
            # What was not found meanwhile is looked for again.
            importlib.invalidate_caches()
        return lost

    return put_back


def functions() -> dict[tuple[Any, str], Any]:
    """Return what a plug-in must not replace: functions, classes and methods, built-in, common, and of the project."""
    named = {name: module for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)}
    modules = [each for name, each in named.items() if name in COMMON or name.split(".")[0] in PROJECT]
    owners = [*modules, *(kind for name in COMMON & named.keys() - {"torch"} for kind in _classes(named[name]))]
    found = {
        (owner, key): value
        for owner in owners
        for key, value in owner.__dict__.items()
        if callable(value) or isinstance(value, METHODS)
    }
    # The built-in ones are the first that are set back, because the others need them.
    return {(builtins, key): value for key, value in vars(builtins).items()} | found | {(os, "environ"): os.environ}


def _classes(module: ModuleType) -> list[type]:
    return [each for each in vars(module).values() if isinstance(each, type) and each.__module__ == module.__name__]


def unpatched(before: dict[tuple[Any, str], Any], write: Callable[[Any, str, Any], None] = setattr) -> list[str]:
    """Set back the functions that were replaced, and return their names."""
    replaced = []
    for (owner, name), value in before.items():
        if owner.__dict__.get(name) is not value:
            write(owner, name, value)
            replaced.append((owner, name))
    return [f"{getattr(owner, '__qualname__', owner.__name__)}.{name}" for owner, name in replaced]
