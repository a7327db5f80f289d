"""What results can keep of a class."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable

from .errors import written
from .spec import Spec


def require_plain(what: str, value: object, properties: Iterable[str]) -> None:
    """Raise ValueError for properties and for default settings that results cannot keep; `what` is the class."""
    defaults = {}
    if isinstance(value, type):
        parameters = inspect.signature(value).parameters.values()
        defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    declared = {each: getattr(value, each) for each in properties if hasattr(value, each)}
    for name, found in {**defaults, **declared}.items():
        if isinstance(found, type | Spec):
            continue
        try:
            json.dumps(found)
        except (TypeError, ValueError, RecursionError):
            raise ValueError(
                f"{what}: results cannot keep {name}, which is {written(found)}; "
                "a number, a word, true, false, None, or a list of such was expected"
            ) from None
