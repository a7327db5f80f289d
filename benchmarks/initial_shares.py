"""How unequally does each alignment score the keys before training, and how large is what a position scheme adds?

    .venv/bin/python -m benchmarks.initial_shares

The spread of scores is their standard deviation over the keys that a query sees: near zero all keys have the same
weight, and far above one a single key has almost all of it. Printed is the root mean square over queries, examples and
seeds, for inputs of unit variance, as the embeddings of tokens are. docs/decisions.md has the rule and the table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from mechanisms import ALIGNMENTS, MODELS, POSITIONS, SequenceModel, traced
from mechanisms.normalizers import Normalizer

WIDTH, LENGTH, EXAMPLES, SEEDS = 64, 20, 8, 4
RECURRENT = {"decoder": "luong"}
HOSTS: dict[str, tuple[str, dict[str, str]]] = {
    "rnn_attention": ("rnn_attention", RECURRENT),
    "with cell: lstm": ("rnn_attention", RECURRENT | {"cell": "lstm"}),
    "with cell: rnn": ("rnn_attention", RECURRENT | {"cell": "rnn"}),
    "self_attentive_rnn": ("self_attentive_rnn", {}),
    "transformer": ("transformer", {}),
    "transformer_encoder_decoder": ("transformer_encoder_decoder", {}),
}


def spread(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the variance over the keys, for each query that sees at least two."""
    allowed = torch.ones_like(scores, dtype=torch.bool) if mask is None else mask.expand_as(scores)
    scores, allowed = scores[allowed.sum(-1) > 1], allowed[allowed.sum(-1) > 1]
    keys = allowed.sum(-1, keepdim=True)
    mean = scores.where(allowed, 0.0).sum(-1, keepdim=True) / keys
    return (scores - mean).where(allowed, 0.0).square().sum(-1) / (keys[..., 0] - 1)


@contextmanager
def given_to_normalizers(model: SequenceModel) -> Iterator[list[tuple[Tensor, Tensor | None]]]:
    """Collect the scores and the masks that the normalizers get inside the block."""
    seen: list[tuple[Tensor, Tensor | None]] = []
    parts = [part for part in model.modules() if isinstance(part, Normalizer)]
    hooks = [part.register_forward_pre_hook(lambda _, given: seen.append(given)) for part in parts]
    # Traced, because a fused kernel calls no normalizer.
    with traced(model), torch.no_grad():
        yield seen
    for hook in hooks:
        hook.remove()


def spread_in(build: Callable[[], SequenceModel], seeds: int = SEEDS) -> float:
    """Return the spread of the scores in the model that `build` makes."""
    variances = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = build()
        with given_to_normalizers(model) as seen:
            model(torch.randn(EXAMPLES, LENGTH, WIDTH), torch.randn(EXAMPLES, LENGTH, WIDTH))
        variances += [spread(*given).flatten() for given in seen]
    return torch.cat(variances).mean().sqrt().item()


def in_host(host: str, alignment: str, seeds: int = SEEDS) -> float:
    model, given = HOSTS[host]
    return spread_in(lambda: MODELS.build({model: given | {"alignment": alignment}}, WIDTH), seeds)


def runs_in(alignment: str, host: str) -> bool:
    return MODELS[HOSTS[host][0]].passes_history or not ALIGNMENTS[alignment].needs_history


def embedded(scheme: str, length: int = 1024) -> float:
    """Return the variance of what a position scheme adds to the embeddings."""
    torch.manual_seed(0)
    added: Tensor = POSITIONS[scheme](WIDTH).embed_from(torch.zeros(1, length, WIDTH))
    return added.var().item()


def bias_spread(scheme: str, heads: int = 2) -> float:
    """Return the spread over the keys of what a causal position scheme adds to the scores of the last query."""
    positions, variances = torch.arange(LENGTH), []
    for seed in range(64):
        torch.manual_seed(seed)
        bias = POSITIONS[scheme](WIDTH, heads).bias(positions[-1:], positions)
        variances.append(torch.zeros(1) if bias is None else bias.detach().var(-1).flatten())
    return torch.cat(variances).mean().sqrt().item()


def main() -> None:
    print("| spread of scores | " + " | ".join(HOSTS) + " |")
    print("|---" * (len(HOSTS) + 1) + "|")
    for name in ALIGNMENTS:
        row = [f"{in_host(host, alignment=name):.2f}" if runs_in(name, host) else "" for host in HOSTS]
        print(f"| `{name}` | " + " | ".join(row) + " |")
    print("\n| scheme | variance added to embeddings | spread added to scores |\n|---|---|---|")
    for name in POSITIONS:
        print(f"| `{name}` | {embedded(name):.3f} | {bias_spread(name):.3f} |")


if __name__ == "__main__":
    main()
