"""What an alignment must satisfy inside attention, and inside the models that hold it."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from registry import Check, CheckError

from ..alignments import Alignment
from ..attention.attention import Attention, traced
from ..attention.masks import CAUSAL, FULL, Mask, padding, sliding
from ..compatibility import incompatibility
from ..layers.decoders import DECODERS
from ..models import MODELS, SequenceModel
from ..models.rnn_attention import RNNAttention
from ..normalizers.softmax import Softmax
from . import model
from .alignment import D, H, K, inputs
from .expect import expect, expect_equal, shape


def attention_of(value: type[Alignment]) -> Attention:
    return Attention(value(H, D, D), Softmax()).double()


def masks() -> dict[str, Mask]:
    lengths = padding(torch.tensor([K - 3, K]), K)
    return {
        "full": FULL,
        "causal": CAUSAL,
        "sliding window": sliding(3),
        "padding": lengths,
        "causal and padding": Mask(True, lengths.keys),
    }


def read(attention: Attention, mask: Mask) -> list[Tensor]:
    """Return the context and its gradients with respect to query, key, value and parameters."""
    generator = torch.Generator().manual_seed(1)
    query, key = (x.requires_grad_() for x in seeded_inputs(generator))
    value = torch.randn(key.shape, generator=generator, dtype=key.dtype, requires_grad=True)
    keys = attention.project_keys(key)
    if attention.alignment.needs_history:
        context = _step_by_step(attention, query, keys, value, mask)
    else:
        context = attention(query, keys, value, mask)
    loss = (context * torch.randn(context.shape, generator=generator, dtype=context.dtype)).sum()
    leaves = [query, key, value, *attention.parameters()]
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [context, *gradients]


def _step_by_step(attention: Attention, query: Tensor, keys: Tensor, value: Tensor, mask: Mask) -> Tensor:
    history, contexts, weights = attention.begin(keys), [], []
    for i in range(query.shape[2]):
        asked = query[:, :, i : i + 1]
        context, history = attention.next(asked, keys, value, history, mask)
        contexts.append(context)
        weights.append(attention.weights)
    if attention.tracing:
        attention.weights = torch.cat([w for w in weights if w is not None], dim=2)
    return torch.cat(contexts, dim=2)


def seeded_inputs(generator: torch.Generator) -> list[Tensor]:
    return [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in inputs()]


def paths_agree(value: type[Alignment]) -> None:
    """Fused or streamed, whatever the mask, is what plain is: outputs and gradients."""
    if value.needs_history:
        return  # it is computed one step at a time, and there is one way to do that
    attention = attention_of(value)
    # Everything is too large now, and a block has two rows for an intermediate as wide as a key.
    attention.plain_bytes, attention.block_bytes = 0, 2 * 2 * H * K * D * 8
    for name, mask in masks().items():
        fast = read(attention, mask)
        path = attention.path
        with traced(attention):
            plain = read(attention, mask)
        for got, wanted in zip(fast, plain, strict=True):
            expect_equal(
                got,
                wanted,
                f"the {path} path differs from the plain one under the mask '{name}': does the score depend on which "
                "queries and keys stand beside each other?",
            )


def masked_keys_are_out(value: type[Alignment]) -> None:
    """Masked keys have weight exactly zero, and no gradient reaches them."""
    attention = attention_of(value)
    mask = masks()["padding"]
    with traced(attention):
        _, _, key, values, *_ = read(attention, mask)
    weights, hidden = attention.weights, slice(K - 3, K)
    if weights is None or weights.shape[-1] != K:
        raise CheckError("the weights could not be traced" if weights is None else f"weights of shape {shape(weights)}")
    expect(not weights[0, ..., hidden].any(), "a masked key has a weight that is not zero")
    # What earlier steps made of a masked key may matter to a later one, where the alignment looks at earlier steps.
    reached = {"value": values} if value.needs_history else {"key": key, "value": values}
    for name, gradient in reached.items():
        expect(
            not gradient[0, :, hidden].any(),
            f"a gradient reaches a masked {name}: does the score of one key depend on another?",
        )


def blind_rows_are_zero(value: type[Alignment]) -> None:
    """Where every key is masked, nothing is read, and neither output nor gradient is NaN."""
    attention, mask = attention_of(value), padding(torch.tensor([0, K]), K)
    context, *gradients = read(attention, mask)
    expect(not context[0].any(), "a query that may see no key must read zeros")
    expect(
        all(bool(x.isfinite().all()) for x in (context, *gradients)),
        "outputs or gradients are not finite where a query may see no key",
    )


def _inside(check: Callable[[Callable[[], SequenceModel]], None], value: type[Alignment]) -> None:
    for name, host in hosts(value).items():
        try:
            check(host)
        except CheckError as failure:
            raise CheckError(f"inside {name}: {failure}") from failure


def hosts(value: type[Alignment]) -> dict[str, Callable[[], SequenceModel]]:
    """Return builders of every model that the alignment may stand in, and of every way it does."""
    found: dict[str, Callable[[], SequenceModel]] = {}
    for entry in MODELS.entries():
        if entry.origin.is_plugin or "alignment" not in MODELS.parts(entry.value):
            continue
        if incompatibility(entry.value, {"alignment": value}) is None:
            found[f"a {entry.name}"] = partial(entry.value, model.WIDTH, alignment=value)  # type: ignore[call-arg]
    for reading in DECODERS:
        name = f"a rnn_attention with the reading {reading}"
        found[name] = partial(RNNAttention, model.WIDTH, alignment=value, reading=reading)
    return found


def causal_inside_models(value: type[Alignment]) -> None:
    _inside(model.causal, value)


def steps_inside_models(value: type[Alignment]) -> None:
    _inside(model.step_is_forward, value)


def learns_inside_models(value: type[Alignment]) -> None:
    _inside(model.parameters_learn, value)


CHECKS: Sequence[Check] = (
    paths_agree,
    masked_keys_are_out,
    blind_rows_are_zero,
    causal_inside_models,
    steps_inside_models,
    learns_inside_models,
)
