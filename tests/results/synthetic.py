"""A made-up run with the proportions of a real one, written through the store as the runner does."""

from __future__ import annotations

import json
import math
from itertools import product
from pathlib import Path

import numpy as np

from results import Measurement, Outcome, Planned, Store
from tests.results.trials import QUANTITIES, mechanism, planned

ALIGNMENTS = ["additive", "dot", "scaled_dot", "general", "location", "cosine"]
TASKS = {"copy": 20, "adding": 50, "recall": 32}
LENGTHS = [64, 128, 256, 512]
RATES = [1e-3, 3e-3]
ROUNDS, SESSION = 3, "2026-01-01T10:00:00.000+00:00"

Mechanism = tuple[str, str | None]  # a model and its alignment
MECHANISMS: list[Mechanism] = [
    *[(model, None) for model in ("rnn", "lstm", "gru", "rnn_encoder_decoder")],
    *[(host, alignment) for host in ("rnn_attention", "transformer") for alignment in ALIGNMENTS],
]
PLUGIN: Mechanism = ("rnn_attention", "my_score")
FEW: list[Mechanism] = [
    ("rnn", None),
    ("lstm", None),
    ("rnn_attention", "cosine"),
    ("transformer", "additive"),
    ("transformer", "location"),
    PLUGIN,
]
ENDS: dict[tuple[Mechanism, str], tuple[str, str]] = {
    (("rnn", None), "adding"): ("diverged", "the loss was nan at step 140"),
    (("rnn_attention", "cosine"), "recall"): ("failed", "RuntimeError: shapes (3, 4) and (5, 6) cannot be multiplied"),
    (("transformer", "additive"), "adding"): ("timeout", "longer than 120 s"),
}
LEVEL = {
    "rnn": {"copy": 0.03, "adding": 0.0, "recall": 0.02},
    "lstm": {"copy": 0.62, "adding": 0.98, "recall": 0.31},
    "gru": {"copy": 0.55, "adding": 0.985, "recall": 0.35},
    "rnn_encoder_decoder": {"copy": 0.41, "adding": 0.4, "recall": 0.25},
    "rnn_attention": {"copy": 0.97, "adding": 0.96, "recall": 0.9},
    "transformer": {"copy": 0.985, "adding": 0.9, "recall": 0.998},
}
DECAY = {"rnn": 0.2, "lstm": 0.06, "gru": 0.045, "rnn_encoder_decoder": 0.21, "rnn_attention": 0.004}


def write_run(folder: Path, mechanisms: list[Mechanism] | None = None, seeds: int = 2, manifest: bool = True) -> Path:
    """Write a whole run into `folder` and return it."""
    chosen = [*MECHANISMS, PLUGIN] if mechanisms is None else mechanisms
    rows = [row for each in chosen for row in _trials(each, seeds)]
    with Store(folder / "results.sqlite") as store:
        store.plan(rows, UNAVAILABLE, QUANTITIES)
        for row in rows:
            if row.reason is None:
                store.finish(row.key, ended(row))
    if manifest:
        (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    return folder


def ended(row: Planned) -> Outcome:
    """Return how a trial ended, and what was measured."""
    model, alignment = subject = _subject(row)
    outcome, reason = ENDS.get((subject, _task(row) or ""), ("ok", None))
    if row.trial["seed"] == 0 and outcome != "ok" and model == "transformer":
        outcome, reason = "ok", None
    # A hash of strings differs between processes, a sum of bytes does not.
    generator = np.random.default_rng(sum(row.key.encode()))
    (probe,) = [each["name"] for each in row.trial["probes"]]
    measure = {"accuracy": training, "gradient_flow": initial, "throughput": speed, "memory": memory}[probe]
    measured = measure(row, generator)
    size = Measurement("size", "parameters", 52_000 + 9_000 * len(model))
    path = "streamed" if alignment == "additive" else "fused"
    measurements = (*(measured if outcome == "ok" else ()), size)
    return Outcome(outcome, reason, 12.5, path, measurements=measurements, session=SESSION)


def _subject(row: Planned) -> Mechanism:
    chosen = row.trial["mechanism"]
    return chosen["name"], chosen["settings"].get("alignment", {}).get("name")


def _task(row: Planned) -> str | None:
    return None if row.trial["task"] is None else str(row.trial["task"]["name"])


def training(row: Planned, generator: np.random.Generator) -> list[Measurement]:
    level = _level(row) * (1.0 if row.trial["recipe"]["learning_rate"] == RATES[1] else 0.9) - 0.01 * generator.random()
    rows = []
    for step in range(50, 601, 50):
        value = level * (1 - math.exp(-step / 120)) + 0.01 * generator.normal()
        rows.append(Measurement("accuracy", "normalised", value, at={"stage": "validation", "step": step}))
        rows.append(Measurement("accuracy", "loss", 3 - 2.9 * value, at={"stage": "validation", "step": step}))
        rows.append(Measurement("accuracy", "loss", 3 - 2.9 * value, at={"stage": "train", "step": step}))
    length = row.trial["trained_length"]
    for times in (1, 2, 4):
        value = level * (0.95 if _subject(row)[0] == "transformer" else 0.85) ** (times - 1)
        for quantity, number in {
            "normalised": value,
            "accuracy": 0.1 + 0.9 * value,
            "chance": 0.1,
            "ceiling": 1.0,
        }.items():
            rows.append(Measurement("accuracy", quantity, number, at={"stage": "test", "length": length * times}))
    solved = 300.0 if level > 0.96 else math.nan
    rows += [Measurement("accuracy", "steps_to_solve", solved), Measurement("accuracy", "steps", 600.0)]
    return rows + gradients(row, "trained", length, generator, 0.3)


def initial(row: Planned, generator: np.random.Generator) -> list[Measurement]:
    return gradients(row, "initial", 127, generator, 1.0)


def gradients(row: Planned, stage: str, length: int, generator: np.random.Generator, share: float) -> list[Measurement]:
    rate = DECAY.get(_subject(row)[0], 0.001) * share
    noise = np.exp(0.1 * generator.normal(size=length))
    return [
        Measurement(
            "gradient_flow",
            "gradient_norm",
            float(0.02 * math.exp(-rate * distance) * noise[distance - 1]),
            at={"stage": stage, "length": length, "distance": distance},
        )
        for distance in range(1, length)
    ]


def speed(row: Planned, generator: np.random.Generator) -> list[Measurement]:
    model, alignment = _subject(row)
    recurrent = model != "transformer"
    slow = {"additive": 3.0, "location": 0.9}.get(alignment or "", 1.0) * (0.97 + 0.06 * generator.random())
    start = {"rnn": 14.0, "gru": 35.0, "lstm": 30.0, "rnn_encoder_decoder": 50.0, "rnn_attention": 60.0}.get(model, 8.0)
    rows = [Measurement("throughput", "reference", 300 * (0.97 + 0.06 * generator.random()))]
    for length in LENGTHS:
        cost = {
            "train": start + slow * length / (64 if recurrent else 8),
            "prefill": start / 4 + slow * length / (128 if recurrent else 16),
            "decode": 90.0 + slow * length / 16,
        }
        for quantity, value in cost.items():
            rate = 1e6 / value
            rows.append(Measurement("throughput", quantity, rate, {"length": length}, 0.95 * rate, 1.04 * rate))
    return rows


def memory(row: Planned, generator: np.random.Generator) -> list[Measurement]:
    model, alignment = _subject(row)
    square = 40.0 * {"additive": 3.0}.get(alignment or "", 1.0) if model == "transformer" else 0.0
    rows = []
    for length in LENGTHS:
        peak = 2e7 + 4e3 * length + square * length**2
        rows.append(Measurement("memory", "peak_memory", peak, {"length": length}))
        state = 512.0 if alignment is None else 512.0 * length
        rows.append(Measurement("memory", "state", state, {"length": length}))
    return rows


def _level(row: Planned) -> float:
    model, alignment = _subject(row)
    level = LEVEL.get(model, LEVEL["lstm"])[_task(row) or ""]
    if alignment == "location":
        level *= 0.3
    return level * (0.99 if alignment in ("dot", "my_score") else 1.0)


def _trials(each: Mechanism, seeds: int) -> list[Planned]:
    model, alignment = each
    name = model if alignment is None else f"{model}({alignment})"
    chosen = mechanism(model, alignment)
    plugins = ("plugins/my_score.py (3f2a9c01d4e5)",) if each == PLUGIN else ()
    rows = []
    for task, length in TASKS.items():
        skipped = each == ("transformer", "location") and task == "adding"
        reason = "location knows 64 positions, adding has 100" if skipped else None
        for seed, rate in product(range(seeds), RATES):
            key = f"{name}/{task}/{seed}/{rate}"
            rows.append(planned(key, chosen, task, length=length, seed=seed, rate=rate, plugins=plugins, reason=reason))
    for seed in range(seeds):
        rows.append(planned(f"{name}/initial/{seed}", chosen, seed=seed, probes=["gradient_flow"], plugins=plugins))
    for number in range(ROUNDS):
        rows.append(planned(f"{name}/speed/{number}", chosen, probes=["throughput"], plugins=plugins, round=number))
    return [*rows, planned(f"{name}/memory", chosen, probes=["memory"], plugins=plugins)]


UNAVAILABLE = {"torn_score": "SyntaxError: unterminated string literal (line 7)"}
MANIFEST = {
    "format": 1,
    "name": "quick",
    "suite_file": "suites/quick.yaml",
    "suite": {"name": "quick", "seeds": 2, "mechanisms": ["lstm"], "train": {"width": 64, "steps": 600}},
    "created": "2026-01-01T10:00:00",
    "commit": "abc1234",
    "environment": {
        "python": "3.11.7",
        "torch": "2.9.0",
        "processor": "Made-up CPU",
        "cores": 2,
        "memory_gb": 24.0,
        "device": "cpu",
        "system": "Linux",
    },
    "plugins": [{"kind": "file", "source": "plugins/my_score.py", "version": "3f2a9c01d4e5"}],
    "unavailable": {"broken_score": "SyntaxError: invalid syntax (line 3)"},
}
