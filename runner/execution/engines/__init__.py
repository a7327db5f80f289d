"""Engines, which decide where and when trials run, one in each file or folder."""

from .events import Advanced, Ended, Engine, EngineEvent, Started
from .local import LocalEngine

__all__ = ["Advanced", "Ended", "Engine", "EngineEvent", "LocalEngine", "Started"]
