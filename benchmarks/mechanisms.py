"""What the mechanisms cost against the same thing written by hand, as ratios in one run.

    .venv/bin/python -m benchmarks.mechanisms [--device cuda]

Every pair alternates, and medians are compared; nothing else should compute meanwhile. Layers are of width 64 with 2
heads, a step is forward and backward.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mechanisms import ALIGNMENTS, CAUSAL, MODELS, Attention, MultiHeadAttention, sliding
from mechanisms.models.rnn_attention import RNNAttention
from runner.probes.meters.memory import peak_bytes
from runner.probes.meters.timing import synchronise

WIDTH, HEADS, BATCH = 64, 2, 4
DECODED_WIDTH = 128
LENGTHS = (512, 1024, 2048, 4096, 8192)
Work = Callable[[], object]


def ratio(ours: Work, theirs: Work, device: torch.device, seconds: float = 3.0) -> float:
    """Return how much longer `ours` takes than `theirs`: medians of alternating repeats."""
    ours(), theirs(), ours(), theirs()
    times: list[tuple[float, float]] = []
    begin = time.perf_counter()
    while len(times) < 7 or time.perf_counter() - begin < seconds:
        times.append((clock(ours, device), clock(theirs, device)))
    return statistics.median(a for a, _ in times) / statistics.median(b for _, b in times)


def clock(work: Work, device: torch.device) -> float:
    synchronise(device)
    begin = time.perf_counter()
    work()
    synchronise(device)
    return time.perf_counter() - begin


def step(module: nn.Module, *inputs: Tensor) -> Work:
    """Return a closure over forward and backward."""

    def run() -> None:
        for parameter in module.parameters():
            parameter.grad = None
        output = module(*inputs)
        output = output[0] if isinstance(output, tuple) else output
        torch.autograd.backward(output.sum())

    return run


class ByHand(nn.Module):
    """A self-attention layer as anybody would write it for one formula, around torch's kernel."""

    def __init__(self, alignment: str) -> None:
        super().__init__()
        self.alignment, p = alignment, WIDTH // HEADS
        self.q, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        if alignment != "location":
            self.k = nn.Linear(WIDTH, WIDTH, bias=False)
        if alignment == "general":
            self.W = nn.Parameter(torch.randn(HEADS, p, p) / p)
        if alignment == "location":
            self.w = nn.Parameter(torch.randn(HEADS, 1024, p) / p**0.5)
        if alignment == "cosine":
            self.log_beta = nn.Parameter(torch.full((HEADS, 1, 1), 0.5 * math.log(p)))

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, v = (f(x).view(b, n, HEADS, -1).transpose(1, 2) for f in (self.q, self.v))
        scale = {"scaled_dot": q.shape[3] ** -0.5, "gaussian": q.shape[3] ** -0.5}.get(self.alignment, 1.0)
        if self.alignment == "location":
            k = self.w[:, :n].expand(b, -1, -1, -1)
        else:
            k = self.k(x).view(b, n, HEADS, -1).transpose(1, 2)
        if self.alignment == "general":
            q = torch.einsum("bhnd,hde->bhne", q, self.W)
        if self.alignment == "cosine":
            q, k = self.log_beta.exp() * F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        if self.alignment == "gaussian":
            norms = [-0.5 * x.square().sum(-1, keepdim=True) for x in (q, k)]
            q = torch.cat([q, norms[0], torch.ones_like(norms[0])], -1)
            k = torch.cat([k, torch.ones_like(norms[1]), norms[1]], -1)
            v = F.pad(v, (0, 2))
        context = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)[..., : WIDTH // HEADS]
        output: Tensor = self.o(context.transpose(1, 2).reshape(b, n, WIDTH))
        return output


class Layer(nn.Module):
    """Our layer, attending to itself causally, or within a window."""

    def __init__(self, alignment: str, window: int | None = None) -> None:
        super().__init__()
        self.layer = MultiHeadAttention(WIDTH, HEADS, alignment)
        self.mask = CAUSAL if window is None else sliding(window)

    @property
    def attention(self) -> Attention:
        return self.layer.attention

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.layer(x, x, self.mask)
        return output


def inner_products(device: torch.device) -> None:
    print(
        "a training step of a self-attention layer at length 512, over the same formula by hand around torch's kernel,"
    )
    print("and over scaled_dot by hand")
    x = torch.randn(BATCH, 512, WIDTH, device=device, requires_grad=True)
    plain = step(ByHand("scaled_dot").to(device), x)
    for name in ALIGNMENTS:
        if ALIGNMENTS[name](HEADS, 32, 32).kernel_scale is not None and not name.startswith("local_"):
            ours = step(Layer(name).to(device), x)
            same, scaled = ratio(ours, step(ByHand(name).to(device), x), device), ratio(ours, plain, device)
            print(f"  {name:14} {same:.2f}  {scaled:.2f}")


def recurrent(device: torch.device) -> None:
    print("a training step of a stream model / bare torch.nn (256 source and 256 query positions)")
    source, query = (torch.randn(BATCH, 256, WIDTH, device=device, requires_grad=True) for _ in range(2))
    for name, theirs in {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}.items():
        bare = theirs(WIDTH, WIDTH, batch_first=True).to(device)

        def by_hand(bare: nn.Module = bare) -> None:
            for parameter in bare.parameters():
                parameter.grad = None
            torch.autograd.backward(bare(torch.cat([source, query], 1))[0][:, 256:].sum())

        print(f"  {name:14} {ratio(step(MODELS[name](WIDTH).to(device), source, query), by_hand, device):.2f}")


def streaming(device: torch.device) -> None:
    x = torch.randn(BATCH, 512, WIDTH, device=device, requires_grad=True)
    streamed, plain = Layer("additive").to(device), Layer("additive").to(device)
    streamed.attention.plain_bytes, plain.attention.plain_bytes = 0, 2**60
    value = ratio(step(streamed, x), step(plain, x), device, 6.0)
    print(f"a training step with the additive score at length 512, {streamed.attention.path} / plain: {value:.2f}")
    x = torch.randn(BATCH, 4096, WIDTH, device=device, requires_grad=True)
    peaks = {}
    for name in ("additive", "scaled_dot"):
        layer = Layer(name).to(device)
        peaks[name] = peak_bytes(step(layer, x), device)
        print(f"  peak memory at length 4096, {name} ({layer.attention.path}): {peaks[name] / 1e6:.0f} MB")
    whole = BATCH * WIDTH * 4096**2 * 4
    print(f"  additive / scaled_dot: {peaks['additive'] / peaks['scaled_dot']:.2f}")
    print(f"  one whole intermediate of the plain path would be {whole / 1e9:.0f} GB, and it keeps more than one")


def windows(device: torch.device) -> None:
    x = torch.randn(1, 8192, WIDTH, device=device, requires_grad=True)
    value = ratio(step(Layer("scaled_dot", 256).to(device), x), step(Layer("scaled_dot").to(device), x), device)
    print(f"a training step at length 8192, a sliding window of 256 / all: {value:.2f}")


def projected_keys(device: torch.device) -> None:
    print(f"decoding 64 steps at width {DECODED_WIDTH}, keys projected at every step / once, by source length")
    for name in ("additive", "concat"):
        model, shown = RNNAttention(DECODED_WIDTH, alignment=name).to(device), []
        for n in (512, 1024, 2048):
            source = torch.randn(BATCH, n, DECODED_WIDTH, device=device)
            query = torch.randn(BATCH, DECODED_WIDTH, device=device)
            every, once = (decoding(model, source, query, every=every) for every in (True, False))
            shown.append(f"{ratio(every, once, device):.2f} at {n}")
        print(f"  {name:14} {', '.join(shown)}")


def decoding(model: RNNAttention, source: Tensor, query: Tensor, *, every: bool) -> Work:
    with torch.no_grad():
        begun = model.start(source)
    attention = model.decoder.attention

    @torch.no_grad()
    def decode() -> None:
        state = begun
        for _ in range(64):
            if every:
                attention.project_keys(begun.values)
            _, state = model.step(query, state)

    return decode


def mixers(device: torch.device) -> None:
    print(f"seconds of a training step from length {LENGTHS[0]} to {LENGTHS[-1]}, batch 1, as a power of the length")
    names = ["linear_attention", "gated_linear_attention", "gated_delta", "mamba", "min_gru", "lstm", "transformer"]
    for name in names:
        model = MODELS[name](WIDTH).to(device)
        seconds = []
        for n in LENGTHS:
            halves = [torch.randn(1, n // 2, WIDTH, device=device, requires_grad=True) for _ in range(2)]
            work = step(model, *halves)
            work()
            seconds.append(statistics.median(clock(work, device) for _ in range(5)))
        exponent = np.polyfit(np.log(LENGTHS), np.log(seconds), 1)[0]
        last = math.log(seconds[-1] / seconds[-2]) / math.log(2)
        shown = ", ".join(f"{1000 * s:.0f}" for s in seconds)
        print(f"  {name:24} {exponent:.2f}   the last doubling {last:.2f}   ({shown} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", default="", help="one of the parts, by the name of its function")
    given = parser.parse_args()
    parts = (inner_products, recurrent, streaming, windows, projected_keys, mixers)
    for part in parts:
        if given.only in ("", part.__name__):
            torch.manual_seed(0)
            part(torch.device(given.device))


if __name__ == "__main__":
    main()
