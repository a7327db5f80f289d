"""Where and when cells run."""

from .events import Advanced, Ended, Ending, Engine, Event, Started
from .local import LocalEngine

__all__ = ["Advanced", "Ended", "Ending", "Engine", "Event", "LocalEngine", "Started"]
