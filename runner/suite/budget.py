"""The steps of each mechanism at equal operations, or at equal time, in place of equal examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch

from mechanisms.operations import counting

from ..isolation import tried, why
from ..probes.meters.timing import quartiles
from ..training import seeds
from ..training.network import evaluating
from ..training.recipe import MOST, Recipe
from ..trial.key import key_of
from ..trial.machine import machine
from ..trial.trial import Trial
from .steps import Step, StepTimer, threads, trainer_of

ROUNDS = 5
LONGEST = 20  # times the steps of the first mechanism, so that one that costs nearly nothing ends, too
COUNTED = 2  # examples of which the operations are counted

T = TypeVar("T")


class UnmeasuredError(Exception):
    """Why a mechanism cannot have its steps."""


@dataclass
class Budget:
    """Says how many steps a mechanism gets: as many as cost what the steps of the first mechanism cost.

    `timings` are the measured seconds of steps by key: those that are known, and those that were measured for this
    plan. With the same timings, a second plan has the same steps.
    """

    kind: str
    device: str = "cpu"
    threads: int = 1
    timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    _relative: dict[tuple[Step, Step], float] = field(default_factory=dict)
    _problems: dict[Step, str] = field(default_factory=dict)

    def measure(self, first: Step, others: Sequence[Step]) -> None:
        """Find out what the steps of mechanisms on one task cost, in steps of the first mechanism."""
        if self.kind == "seconds":
            self._time(first, [each for each in others if self._key(each, first) not in self.timings])
        operations: dict[Step, float] = {}
        for each in others:
            if self.kind == "seconds" and (known := self.timings.get(self._key(each, first))) is not None:
                self._relative[each, first] = known["seconds"] / known["first_seconds"]
            elif self.kind == "flops":
                for step in (first, each):
                    if step not in operations and (found := self._tried(step, _operations)) is not None:
                        operations[step] = found
                if first in operations and each in operations:
                    self._relative[each, first] = operations[each] / operations[first]

    def steps(self, step: Step, first: Step, steps: int) -> int:
        """Return the steps of a mechanism where the first one has `steps`. Raises UnmeasuredError."""
        for each in (step, first):
            if each in self._problems:
                name = each.mechanism.name
                problem = f"the budget is {self.kind}, and a step of {name} cannot be measured: {self._problems[each]}"
                raise UnmeasuredError(problem)
        if self.kind == "examples" or step == first:
            return steps
        return max(1, min(LONGEST * steps, MOST, round(steps / self._relative[step, first])))

    def _time(self, first: Step, missing: Sequence[Step]) -> None:
        """Time the missing steps and the first one in the same rounds: what slows the machine down slows all."""
        if not missing:
            return
        device = torch.device(self.device)
        with threads(self.threads):
            found = {each: self._tried(each, lambda step: StepTimer(step, device)) for each in (first, *missing)}
            timers = {each: timer for each, timer in found.items() if timer is not None}
            times: dict[Step, list[float]] = {each: [] for each in timers}
            for number in range(ROUNDS):
                # Every second round goes backwards: a machine that slows down steadily favours no mechanism.
                for each in list(timers)[:: -1 if number % 2 else 1]:
                    times[each].append(timers[each].seconds())
        medians = {each: quartiles(found)[1] for each, found in times.items()}
        for each in missing:
            if first in medians and each in medians:
                self.timings[self._key(each, first)] = {
                    "mechanism": each.mechanism.name,
                    "seconds": medians[each],
                    "first": first.mechanism.name,
                    "first_seconds": medians[first],
                    "task": each.task.name,
                }

    def _tried(self, step: Step, make: Callable[[Step], T]) -> T | None:
        try:
            # A copy of this process could not use an accelerator.
            return tried(lambda: make(step)) if step.is_foreign and self.device == "cpu" else make(step)
        except Exception as error:
            self._problems[step] = why(error)
            return None

    def _key(self, step: Step, first: Step) -> str:
        """Return a key of all that could change the ratio: settings, code, machine and threads."""
        return "-".join(key_of(self._trial(each)) for each in (step, first))

    def _trial(self, step: Step) -> Trial:
        return Trial(
            mechanism=step.mechanism,
            seed=0,
            recipe=Recipe(width=step.width, batch=step.batch),
            probes=(),
            task=step.task,
            trained_length=step.length,
            device=torch.device(self.device).type,
            threads=self.threads,
            machine=machine(self.device),
        )


def _operations(step: Step) -> float:
    """Count the operations of a forward of the network on a few examples. Training costs three times that."""
    with seeds.process("operations"):
        trainer = trainer_of(replace(step, batch=COUNTED), torch.device("cpu"))
        with evaluating(trainer.network), counting() as counter:
            trainer.network(trainer.data.next())
    return float(counter.get_total_flops())
