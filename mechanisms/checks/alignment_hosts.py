"""What an alignment must satisfy inside attention, and inside the models that hold it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..alignments import Alignment
from ..attention import Attention, traced
from ..masks import CAUSAL, FULL, Mask, padding
from ..models import SequenceModel
from ..models.rnn_attention import RNNAttention
from ..models.transformer import Transformer
from ..normalizers.softmax import Softmax
from . import model
from .alignment import D, H, K, inputs
from .result import Check, CheckError, expect, expect_equal, shape


def attention_of(value: type[Alignment]) -> Attention:
    return Attention(value(H, D, D), Softmax()).double()


def masks() -> dict[str, Mask]:
    lengths = padding(torch.tensor([K - 3, K]), K)
    return {"full": FULL, "causal": CAUSAL, "padding": lengths, "causal and padding": Mask(True, lengths.keys)}


def read(attention: Attention, mask: Mask) -> list[Tensor]:
    """Return the context and its gradients with respect to query, key, value and parameters."""
    generator = torch.Generator().manual_seed(1)
    query, key = (x.requires_grad_() for x in seeded_inputs(generator))
    value = torch.randn(key.shape, generator=generator, dtype=key.dtype, requires_grad=True)
    context: Tensor = attention(query, attention.project_keys(key), value, mask)
    loss = (context * torch.randn(context.shape, generator=generator, dtype=context.dtype)).sum()
    leaves = [query, key, value, *attention.parameters()]
    gradients = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [context, *gradients]


def seeded_inputs(generator: torch.Generator) -> list[Tensor]:
    return [torch.randn(x.shape, generator=generator, dtype=x.dtype) for x in inputs()]


def paths_agree(value: type[Alignment]) -> None:
    """Fused or streamed, whatever the mask, is what plain is: outputs and gradients."""
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
    for name, gradient in (("key", key), ("value", values)):
        expect(
            not gradient[0, :, hidden].any(),
            f"a gradient reaches a masked {name}: does the score of one key depend on another?",
        )


def _inside(check: Callable[[Callable[[], SequenceModel]], None], value: type[Alignment]) -> None:
    hosts: dict[str, Callable[[], SequenceModel]] = {
        "a transformer": lambda: Transformer(model.WIDTH, alignment=value),
        "rnn_attention": lambda: RNNAttention(model.WIDTH, alignment=value),
        "rnn_attention with Luong's reading": lambda: RNNAttention(model.WIDTH, alignment=value, reading="luong"),
    }
    for name, host in hosts.items():
        try:
            check(host)
        except CheckError as failure:
            raise CheckError(f"inside {name}: {failure}") from failure


def causal_inside_models(value: type[Alignment]) -> None:
    _inside(model.causal, value)


def steps_inside_models(value: type[Alignment]) -> None:
    _inside(model.step_is_forward, value)


def learns_inside_models(value: type[Alignment]) -> None:
    _inside(model.parameters_learn, value)


CHECKS: Sequence[Check] = (
    paths_agree,
    masked_keys_are_out,
    causal_inside_models,
    steps_inside_models,
    learns_inside_models,
)
