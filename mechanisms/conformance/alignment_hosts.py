"""What an alignment must satisfy in attention, and in the models that can use it."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from registry import Check, CheckError, only_after, only_if

from ..alignments import Alignment
from ..attention.attention import Attention, traced
from ..attention.masks import CAUSAL, FULL, Mask, padding, sliding
from ..layers.decoders import DECODERS
from ..models.rnn_attention import RNNAttention
from ..normalizers.softmax import Softmax
from . import model, model_positions
from .alignment_alone import D, H, K, deterministic, inputs
from .expect import expect, expect_equal, shape
from .hosts import hosts as hosts_of
from .hosts import inside
from .model_positions import Build


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
    """Return the context vectors, and their gradients with respect to query, key, value and parameters."""
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
        context, history = attention.next(query[:, :, i : i + 1], keys, value, history, mask)
        contexts.append(context)
        weights.append(attention.weights)
    if attention.tracing:
        attention.weights = torch.cat([w for w in weights if w is not None], dim=2)
    return torch.cat(contexts, dim=2)


def seeded_inputs(generator: torch.Generator) -> list[Tensor]:
    return [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in inputs()]


# An alignment that needs history is computed one step at a time, on one path.
@only_if(lambda value: not value.needs_history)
def paths_agree(value: type[Alignment]) -> None:
    """The fused and the streamed path give the outputs and gradients of the plain one, under every mask."""
    attention = attention_of(value)
    # So no intermediate result is small enough for the plain path, and a block has two rows if it is as wide as a key.
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
                "other queries and keys are in the same call?",
            )


def masked_keys_are_out(value: type[Alignment]) -> None:
    """Masked keys have weight exactly zero and no gradient."""
    attention = attention_of(value)
    mask = masks()["padding"]
    with traced(attention):
        _, _, key, values, *_ = read(attention, mask)
    weights, hidden = attention.weights, slice(K - 3, K)
    if weights is None or weights.shape[-1] != K:
        raise CheckError("the weights could not be traced" if weights is None else f"weights of shape {shape(weights)}")
    expect(not weights[0, ..., hidden].any(), "a masked key has a weight that is not zero")
    # With history, a later step may depend on a masked key through the scores of earlier steps.
    reached = {"value": values} if value.needs_history else {"key": key, "value": values}
    for name, gradient in reached.items():
        expect(
            not gradient[0, :, hidden].any(),
            f"a gradient reaches a masked {name}: does the score of one key depend on another?",
        )


def fully_masked_rows_are_zero(value: type[Alignment]) -> None:
    """The context vector of a query with every key masked is zero, and neither output nor gradient is NaN."""
    attention, mask = attention_of(value), padding(torch.tensor([0, K]), K)
    context, *gradients = read(attention, mask)
    expect(not context[0].any(), "the context vector of a fully masked row must be zeros")
    expect(
        all(bool(x.isfinite().all()) for x in (context, *gradients)),
        "outputs or gradients are not finite if a row is fully masked",
    )


def hosts(value: type[Alignment]) -> dict[str, Build]:
    """Return every built-in model that can use the alignment, and rnn_attention with every decoder, by name."""
    found = hosts_of("alignment", value)
    for decoder in DECODERS:
        name = f"a rnn_attention with the decoder {decoder}"
        found[name] = partial(RNNAttention, alignment=value, decoder=decoder)
    return found


def causal_inside_models(value: type[Alignment]) -> None:
    inside(hosts(value), model_positions.causal)


def steps_inside_models(value: type[Alignment]) -> None:
    inside(hosts(value), model_positions.step_is_forward)


def learns_inside_models(value: type[Alignment]) -> None:
    inside(hosts(value), model.parameters_learn)


CHECKS: Sequence[Check] = (
    fully_masked_rows_are_zero,
    learns_inside_models,
    *only_after(deterministic, paths_agree, masked_keys_are_out, causal_inside_models, steps_inside_models),
)
