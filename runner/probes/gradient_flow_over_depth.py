"""Gradient flow over depth: how large the gradient of each layer's parameters is, in four wirings of equal layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from mechanisms import SequenceModel

from . import PROBES, Measurement, Probe, Quantity, Subject

Layer: TypeAlias = Callable[[Tensor], Tensor]


def _normalised(x: Float[Tensor, "b n d"]) -> Float[Tensor, "b n d"]:
    return F.layer_norm(x, x.shape[-1:])


WIRINGS: dict[str, Callable[[Layer, Tensor], Tensor]] = {
    "x + f(LN x)": lambda f, x: x + f(_normalised(x)),
    "x + f(x)": lambda f, x: x + f(x),
    "f(LN x)": lambda f, x: f(_normalised(x)),
    "f(x)": lambda f, x: f(x),
}
"""How a layer is connected. LN is a layer normalisation without parameters."""


@PROBES.register("gradient_flow_over_depth")
class GradientFlowOverDepth(Probe):
    """‖∂l/∂θ_k‖₂ for the parameters θ_k of layer k = 1 ... L, first to last, in four wirings, at initialisation.

    A layer f is what one layer of the mechanism mixes (`SequenceModel.mixing`): its recurrent network, or its attention
    with all four projections, without residual connection, normalisation and feed-forward network. L layers with
    weights of their own are connected as x + f(LN x), x + f(x), f(LN x) or f(x). The input is standard normal. The loss
    is the mean over examples of the product of the last position's output with a random unit vector, in float64. An
    encoder-decoder has no such layer and is left out.

    Source: Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks"; He et al.
    2016, "Identity mappings in deep residual networks" (arXiv 1603.05027).
    """

    quantities = (
        Quantity("layer_gradient_norm", "gradient norm of a layer's parameters", over=("depth", "layer", "wiring")),
    )

    def __init__(self, *, depths: Sequence[int] = (2, 4, 8, 16, 32), examples: int = 16, length: int = 16) -> None:
        self.depths, self.examples, self.length = tuple(depths), examples, length
        if min(self.depths, default=0) < 2 or min(examples, length) < 1:
            raise ValueError(
                "gradient_flow_over_depth needs depths of at least 2, and examples and a length of at least 1, not "
                f"{depths}, {examples} and {length}"
            )

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        precise = torch.float32 if subject.device.type == "mps" else torch.float64
        layers = [subject.build(layer=k).to(subject.device, precise) for k in range(max(self.depths))]
        stream, width = subject.generator("depth"), subject.recipe.width
        x, direction = (
            torch.randn(*shape, generator=stream, device=stream.device).to(subject.device, precise)
            for shape in ((self.examples, self.length, width), (self.examples, width))
        )
        if not _mixes(layers[0], x):
            return
        for depth in self.depths:
            for wiring in WIRINGS:
                for layer, norm in enumerate(layer_norms(layers[:depth], wiring, x, direction).tolist(), start=1):
                    at: dict[str, int | str] = {"depth": depth, "layer": layer, "wiring": wiring}
                    yield Measurement("gradient_flow_over_depth", "layer_gradient_norm", norm, at=at)


def layer_norms(
    layers: Sequence[SequenceModel], wiring: str, x: Float[Tensor, "b n d"], direction: Float[Tensor, "b d"]
) -> Float[Tensor, "k"]:
    """Return the norm of the gradient of each layer's parameters, first to last."""
    for layer in layers:
        x = WIRINGS[wiring](layer.mixing, x)
    loss = (x[:, -1] * F.normalize(direction, dim=1)).sum(1).mean()
    parameters = [list(layer.parameters()) for layer in layers]
    flat = [parameter for each in parameters for parameter in each]
    gradients = torch.autograd.grad(loss, flat, allow_unused=True, materialize_grads=True)
    norms = iter(gradient.norm() for gradient in gradients)
    return torch.stack([torch.stack([next(norms) for _ in each]).norm() for each in parameters])


def _mixes(layer: SequenceModel, x: Float[Tensor, "b n d"]) -> bool:
    """Return whether the model maps one sequence to another, which an encoder-decoder does not."""
    try:
        with torch.no_grad():
            layer.mixing(x)
    except ValueError:
        return False
    return True
