"""What a forward costs: floating-point operations counted by torch, and the bytes carried while decoding."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mechanisms import SequenceModel, state_bytes
from mechanisms.operations import counting


@dataclass(frozen=True)
class ModelCost:
    """What a model costs at a length; None where the model gives no formula, or does not decode."""

    counted: int
    analytic: int | None
    state: int | None


def cost_of(model: SequenceModel, length: int) -> ModelCost:
    """Count a forward of one row over length/2 source and length/2 query positions, and its state behind `length`."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    x = torch.randn(1, length, model.width, generator=torch.Generator().manual_seed(0)).to(device)
    source, query = x[:, : length // 2], x[:, length // 2 :]
    model.eval()
    with torch.no_grad():
        with counting() as counter:
            model(source, query)
        state = state_bytes(model.start(x)) if model.decodes else None
    return ModelCost(counter.get_total_flops(), model.flops(source.shape[1], query.shape[1]), state)


def prefill_operations(model: SequenceModel, length: int) -> int:
    """Count the floating-point operations of a model that decodes while it reads one row of `length` positions."""
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    source = torch.randn(1, length, model.width, generator=torch.Generator().manual_seed(0)).to(device)
    model.eval()
    with torch.no_grad(), counting() as counter:
        model.start(source)
    return counter.get_total_flops()
