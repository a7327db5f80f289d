"""What mechanisms cost without being run: the rows of the command `costs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mechanisms import ALIGNMENTS, MODELS
from registry import Choice
from results.store.labels import mechanism_labels

from ..isolation import ApartError, apart
from ..probes.meters.flops import ModelCost, cost_of
from ..suite.expand import first_line
from ..suite.mechanisms import Mechanism, unbuildable
from ..training import seeds
from ..training.network import parameter_count

HOSTS = ("rnn_attention", "transformer")  # of the recurrent and of the parallel kind: every alignment is shown in both


@dataclass(frozen=True)
class CostRow:
    """A mechanism with its cost, or with the problem for which it has none."""

    label: str
    width: int
    parameters: int | None = None
    cost: ModelCost | None = None
    problem: str | None = None


def registered(width: int, length: int) -> Iterator[CostRow]:
    """Yield every model with its default parts, and every alignment in each of the hosts."""
    chosen: list[Choice] = [model.name for model in MODELS.entries() if model.name not in HOSTS]
    chosen += [{host: {"alignment": each.name}} for host in HOSTS for each in ALIGNMENTS.entries()]
    specs = [MODELS.spec(choice) for choice in chosen]
    yield from of_mechanisms([Mechanism(spec, width, reason=unbuildable(spec)) for spec in specs], length)


def of_mechanisms(mechanisms: list[Mechanism], length: int) -> Iterator[CostRow]:
    """Yield the cost of each mechanism, at its own width."""
    labels = mechanism_labels([{"mechanism": each.spec.to_json()} for each in mechanisms])
    for each, label in zip(mechanisms, labels, strict=True):
        yield CostRow(label.text, each.width, problem=each.reason) if each.reason else _row(label.text, each, length)


def _row(label: str, mechanism: Mechanism, length: int) -> CostRow:
    def counted() -> list[Any]:
        with seeds.scoped("costs"):
            built = mechanism.spec.build(mechanism.width)
        return [parameter_count(built), asdict(cost_of(built, length))]

    try:
        # What a plug-in does to its process is its own problem.
        parameters, cost = apart(counted) if mechanism.is_plugin else counted()
    except ApartError as error:
        return CostRow(label, mechanism.width, problem=str(error))
    except Exception as error:
        return CostRow(label, mechanism.width, problem=f"{type(error).__name__}: {first_line(error)}")
    return CostRow(label, mechanism.width, parameters, ModelCost(**cost))
