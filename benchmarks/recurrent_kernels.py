"""Is a Transformer faster than an LSTM on this processor, and what part has the LSTM's fused kernel in it?

    .venv/bin/python -m benchmarks.recurrent_kernels

Tokens a second of a training step, as ratios in one run: against torch's LSTM as it comes (on a processor one call of
oneDNN for the whole sequence), against the same LSTM with oneDNN switched off (a call a step), and against the GRU,
for which oneDNN is not used in training.
"""

from __future__ import annotations

import functools

import torch

from mechanisms import MODELS
from runner.probes import Recipe, Subject
from runner.probes.throughput import Throughput
from runner.training import seeds

LENGTHS = (64, 128, 256, 512)
CPU = torch.device("cpu")


def rates(model: str) -> dict[int, float]:
    """Return tokens a second of a training step by length."""
    subject = Subject(lambda: MODELS[model](64), Recipe(width=64), CPU, functools.partial(seeds.generator, CPU))
    rows = Throughput(lengths=LENGTHS, seconds=0.3).untrained(subject)
    return {int(row.at["length"]): row.value for row in rows if row.quantity == "train"}


def main() -> None:
    transformer, lstm, gru = rates("transformer"), rates("lstm"), rates("gru")
    with torch.backends.mkldnn.flags(enabled=False):
        stepped = rates("lstm")
    print("transformer's tokens a second over those of …")
    for name, other in (("lstm", lstm), ("lstm without oneDNN", stepped), ("gru", gru)):
        ratios = ", ".join(f"{transformer[n] / other[n]:.2f} at {n}" for n in LENGTHS)
        print(f"  {name:20} {ratios}")


if __name__ == "__main__":
    main()
