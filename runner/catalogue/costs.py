"""What mechanisms cost without being run: the rows of the command `costs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mechanisms import ALIGNMENTS, MODELS, SequenceModel
from mechanisms.compatibility import incompatibility

from ..probes.meters.flops import Cost, cost_of
from ..suite.expand import Mechanism
from ..training import seeds
from ..training.network import parameter_count

HOSTS = ("rnn_attention", "transformer")  # of the recurrent and of the parallel kind: every alignment is shown in both


@dataclass(frozen=True)
class CostRow:
    """A mechanism with its cost, or with the problem for which it has none."""

    label: str
    width: int
    parameters: int | None = None
    cost: Cost | None = None
    problem: str | None = None


def registered(width: int, length: int) -> Iterator[CostRow]:
    """Yield every model with its default parts, and every alignment in each of the hosts."""
    for model in MODELS.entries():
        if model.name not in HOSTS:
            yield _row(model.name, model.value, {}, width, length)
    for host in HOSTS:
        for alignment in ALIGNMENTS.entries():
            reason = incompatibility(MODELS[host], {"alignment": alignment.value})
            label = f"{host}({alignment.name})"
            if reason is None:
                yield _row(label, MODELS[host], {"alignment": alignment.name}, width, length)
            else:
                yield CostRow(label, width, problem=reason)


def of_mechanisms(mechanisms: list[Mechanism], length: int) -> Iterator[CostRow]:
    """Yield the cost of each of a suite's mechanisms, at its own width."""
    for m in mechanisms:
        if m.refusal is None:
            yield _row(m.label, m.entry.value, m.settings, m.width, length)
        else:
            yield CostRow(m.label, m.width, problem=m.refusal)


def _row(label: str, model: type[SequenceModel], settings: dict[str, Any], width: int, length: int) -> CostRow:
    try:
        with seeds.scoped("costs"):
            built = model(width, **settings)
        return CostRow(label, width, parameter_count(built), cost_of(built, length))
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return CostRow(label, width, problem=f"{type(error).__name__}: {first}")
