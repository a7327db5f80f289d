"""A trial: one mechanism, one task, one seed, one recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from registry import Spec
from registry.spec import is_spec

from ..training.recipe import Recipe


@dataclass(frozen=True)
class Trial:
    """What is measured in one process, with all settings. Without a task, the mechanism is not trained.

    Training uses lengths from `shortest_length` to `trained_length`. `earlier` is the task of pre-training. `machine`
    describes the machine of a timed trial, which runs alone; it is a part of its key. A timed trial is one `round`.
    `keep_weights` is the number of examples of which the trained network's attention weights are kept.
    """

    mechanism: Spec
    seed: int
    recipe: Recipe
    probes: tuple[Spec, ...]
    task: Spec | None = None
    trained_length: int | None = None
    shortest_length: int | None = None
    test_lengths: tuple[int, ...] = ()
    earlier: Spec | None = None
    earlier_length: int | None = None
    earlier_shortest_length: int | None = None
    earlier_steps: int | None = None
    device: str = "cpu"
    threads: int = 1
    machine: str | None = None
    round: int | None = None
    keep_weights: int | None = None
    key: str = field(default="", compare=False)

    @property
    def alone(self) -> bool:
        """Whether no other trial may run on the machine at the same time."""
        return self.machine is not None

    def specs(self) -> Iterator[tuple[str, Spec]]:
        """Yield all specs and their parts, each with the name of its setting, such as "mechanism.alignment"."""
        for name, spec in {"mechanism": self.mechanism, "task": self.task, "earlier": self.earlier}.items():
            if spec is not None:
                yield from _named(name, spec)
        for probe in self.probes:
            yield from _named(f"probes.{probe.name}", probe)

    def to_json(self) -> dict[str, Any]:
        """Return all fields but the key, as plain values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self) if each.name != "key"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], key: str = "") -> Trial:
        return cls(**{name: _read(name, value) for name, value in data.items()}, key=key)


def _named(name: str, spec: Spec) -> Iterator[tuple[str, Spec]]:
    yield name, spec
    for setting, part in spec.parts().items():
        yield from _named(f"{name}.{setting}", part)


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_json()
    if isinstance(value, Recipe):
        return value.model_dump(mode="json")
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _read(name: str, value: Any) -> Any:
    if is_spec(value):
        return Spec.from_json(value)
    if name == "recipe":
        return Recipe.model_validate(value)
    return tuple(_read("", each) for each in value) if isinstance(value, list) else value
