"""Which mechanism is trained on which task, for how many steps, and the reason for each that is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from registry import Spec
from tasks import TASKS

from ..isolation import why
from .budget import Budget, UnmeasuredError
from .mechanisms import Mechanism
from .steps import Step
from .tasks import Fields

Pair: TypeAlias = tuple[Mechanism, Fields, str | None]
"""A mechanism, what it is trained on, and the reason why it cannot be, None if it can."""


def pairs(
    mechanisms: Sequence[Mechanism], fields: Fields, budget: Budget, step_of: Callable[[Mechanism], tuple[Step, int]]
) -> list[Pair]:
    """Return the mechanisms with one task, each with the steps that the budget gives to it."""
    reasons = {each.spec: incompatible(each.spec, fields) for each in mechanisms}
    steps = {each.spec: step_of(each) for each in mechanisms if reasons[each.spec] is None}
    if not steps:
        return [(each, fields, reasons[each.spec]) for each in mechanisms]
    (first, number), *others = steps.values()
    budget.measure(first, [step for step, _ in others])
    found: list[Pair] = []
    for each in mechanisms:
        reason, own = reasons[each.spec], fields
        try:
            if reason is None:
                own = fields | {"steps": budget.steps(steps[each.spec][0], first, number)}
        except UnmeasuredError as error:
            reason = str(error)
        found.append((each, own, reason))
    return found


def incompatible(mechanism: Spec, fields: Fields) -> str | None:
    """Return why a model cannot be trained on a task, None if it can."""
    try:
        return _incompatible(mechanism, fields)
    except Exception as error:
        plugins = [spec for spec in (mechanism, fields["task"]) if spec.registry.entry(spec.name).origin.is_plugin]
        if not plugins:
            raise
        return f"{plugins[0].name} does not say with what it can be combined: {why(error)}"


def _incompatible(mechanism: Spec, fields: Fields) -> str | None:
    if "earlier" in fields and (reason := incompatible(mechanism, {"task": fields["earlier"]})) is not None:
        return reason
    model, task, name = mechanism.value, TASKS[fields["task"].name], fields["task"].name
    if not task.causal and model.causal_only:
        return f"{mechanism.name} reads queries in order, and in {name} a query depends on later ones"
    if task.causal and task.leaks and model.sees_all(mechanism.settings):
        return f"{mechanism.name} sees all queries at once, and in {name} a later query reveals an earlier answer"
    return None
