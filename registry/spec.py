"""From a name, or a name with hyper-parameters, to an object; every word of it is checked."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

from .errors import UserError, suggestion
from .registry import Registry

T = TypeVar("T")

Choice: TypeAlias = str | type | Mapping[str, Any]
"""A name, {name: {hyper-parameter: value}}, or a class that need not be registered."""


def build(registry: Registry[T], choice: Choice, *args: object, **fixed: object) -> T:
    """Construct what `choice` names, with the arguments that the caller fixes and the choice's hyper-parameters.

    Raises UserError where the name or a hyper-parameter is unknown.
    """
    name, value, given = _resolve(registry, choice)
    known = hyperparameters(value, len(args), fixed)
    for key in given:
        if known is not None and key not in known:
            hint = suggestion(key, known) if known else " It has none."
            raise UserError(f"{registry.kind} '{name}' has no hyper-parameter '{key}'.{hint}")
    return value(*args, **fixed, **given)


def hyperparameters(
    value: type, positional: int, fixed: Mapping[str, object] | None = None
) -> dict[str, inspect.Parameter] | None:
    """Return the constructor's parameters beyond the first `positional` and those in `fixed`.

    None where it takes any name at all.
    """
    parameters = list(inspect.signature(value).parameters.values())
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name: p for p in parameters[positional:] if p.name not in (fixed or {})}


def _resolve(registry: Registry[T], choice: Choice) -> tuple[str, type[T], dict[str, Any]]:
    if isinstance(choice, type):
        return choice.__name__, choice, {}
    if isinstance(choice, str):
        return choice, registry[choice], {}
    if len(choice) != 1:
        raise UserError(f"{registry.kind}: expected one name with its hyper-parameters, got {', '.join(choice)}")
    (name, given), *_ = choice.items()
    if given is not None and not isinstance(given, Mapping):
        raise UserError(f"{registry.kind} '{name}': expected its hyper-parameters as {{name: value}}, got {given!r}")
    return name, registry[name], dict(given or {})
