"""Gradient flow over distance: how much of the error's gradient reaches an input so far back, and the Jacobian."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mechanisms import SequenceModel

from . import PROBES, Measurement, Probe, Quantity, Subject


@PROBES.register("gradient_flow")
class GradientFlow(Probe):
    """g(d) = E ||dl/de_i||_2, where e_i is the input embedding d positions before the scored answer.

    At initialisation: standard normal embeddings, one query behind them, and for the loss the answer's
    product with a random unit vector, in float64 so that a gradient of 1e-100 is still one. After training:
    the task's own loss at one scored position of each example, drawn at random.

    At initialisation also ‖J(d)‖_F, J(d) = dy/de_i, where y is the answer of width m: the root of the mean over
    examples of m ‖uᵀJ‖², whose expectation over random unit vectors u is ‖J‖_F², between one standard error below and
    above. It takes no further backward pass.

    Source: Bengio, Simard, Frasconi 1994; Pascanu, Mikolov, Bengio 2012 (arXiv 1211.5063).
    """

    quantities = (
        Quantity("gradient_norm", "gradient norm", over=("length", "distance")),
        Quantity("jacobian_norm", "Frobenius norm of the Jacobian", over=("length", "distance")),
    )

    def __init__(self, *, lengths: Sequence[int] = (128,), examples: int = 32) -> None:
        self.lengths, self.examples = tuple(lengths), examples
        if min(self.lengths, default=0) < 2 or examples < 1:
            raise ValueError(f"gradient_flow needs lengths of at least 2 and examples, not {lengths} and {examples}")

    def untrained(self, subject: Subject) -> Iterator[Measurement]:
        precise = torch.float32 if subject.device.type == "mps" else torch.float64
        for length in self.lengths:
            model = subject.build().to(subject.device, precise)
            width = subject.recipe.width
            norms = initial_norms(model, length, self.examples, width, subject.generator("gradient"))
            yield from _rows("gradient_norm", norms.mean(0), None, "initial", length)
            yield from _rows("jacobian_norm", *jacobian_norms(norms, width), "initial", length)

    def trained(self, subject: Subject) -> Iterator[Measurement]:
        norms = trained_norms(subject, 8 * self.examples)
        yield from _rows("gradient_norm", norms, None, "trained", subject.length)


def initial_norms(
    model: SequenceModel, length: int, examples: int, width: int, stream: torch.Generator
) -> Float[Tensor, "b s"]:
    """Return the gradient norm of each example at distances 1, 2, ... `length`, of random input to `model` as it is."""
    like = next(model.parameters())

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=stream, device=stream.device).to(like)

    source = draw(examples, length, width).requires_grad_()
    direction = torch.nn.functional.normalize(draw(examples, width), dim=1)
    answer = model(source, draw(examples, 1, width))[:, 0]
    (gradient,) = torch.autograd.grad((answer * direction).sum(), source)
    norms: Tensor = gradient.norm(dim=2)
    return norms.flip(1)


def jacobian_norms(norms: Float[Tensor, "b s"], width: int) -> tuple[Float[Tensor, "s"], Float[Tensor, "s"] | None]:
    """Return ‖J‖_F at each distance, and its standard error if there are two examples or more.

    `norms` are those of uᵀJ for random unit vectors u. The standard error of a square root is that of its argument,
    divided by twice the root.
    """
    squares = width * norms.square()
    found = squares.mean(0).sqrt()
    if len(norms) < 2:
        return found, None
    error = squares.std(0) / len(norms) ** 0.5 / (2 * found)
    return found, error.nan_to_num()


def trained_norms(subject: Subject, examples: int) -> Float[Tensor, "n"]:
    """Return the mean gradient norm at distances 1, 2, ...; NaN at distances that no example has."""
    network, stream = subject.network, subject.generator("gradient")
    batch = subject.task.sample(subject.length, examples, stream).to(subject.device)
    noise = torch.rand(batch.scored.shape, generator=stream, device=stream.device).to(subject.device)
    chosen = torch.where(batch.scored, noise, -1.0).argmax(1)
    embedded = [e.detach().requires_grad_() for e in network.embedding(batch.source, batch.query)]
    rows = torch.arange(examples, device=subject.device)
    output = network.readout(network.model(*embedded)[rows, chosen])
    loss = network.target_space.loss(output, batch.target[rows, chosen], reduction="sum")
    gradients = torch.autograd.grad(loss, embedded, allow_unused=True, materialize_grads=True)
    norms = torch.cat([gradient.norm(dim=2) for gradient in gradients], dim=1)
    return _mean_by_distance(norms, batch.source.shape[1] + chosen)


def _mean_by_distance(norms: Float[Tensor, "b n"], answer: Int[Tensor, "b"]) -> Float[Tensor, "n"]:
    """Average the norms at 1, 2, ... positions before each example's answer."""
    distance = answer[:, None] - torch.arange(norms.shape[1], device=norms.device)
    before = distance >= 1
    sums = norms.new_zeros(norms.shape[1]).index_add(0, distance[before] - 1, norms[before])
    counts = norms.new_zeros(norms.shape[1]).index_add(0, distance[before] - 1, torch.ones_like(norms[before]))
    return sums / counts


def _rows(
    quantity: str, values: Float[Tensor, "n"], errors: Float[Tensor, "n"] | None, stage: str, length: int
) -> Iterator[Measurement]:
    spread = [None] * len(values) if errors is None else errors.tolist()
    for distance, (value, error) in enumerate(zip(values.tolist(), spread, strict=True), start=1):
        if value != value:  # NaN: no example has this distance
            continue
        low, high = (None, None) if error is None else (value - error, value + error)
        at: dict[str, int | str] = {"stage": stage, "length": length, "distance": distance}
        yield Measurement("gradient_flow", quantity, value, at, low, high)
