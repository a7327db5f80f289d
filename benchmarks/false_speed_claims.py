"""How often does a report call mechanisms of the same speed different, and how often does it find a slower kernel?

    .venv/bin/python -m benchmarks.false_speed_claims [--reports 400] [--machine]

The first part makes up the timings of reports and reads their sentences: the machine drifts, and noise has heavy tails.
The second part (--machine, some minutes) times copies of one mechanism on this machine, and counts
how many pairs are called different by the rule of the report, and by the rule before: quartiles of one trial that do
not overlap. Whatever else the machine does meanwhile is a part of the trial.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

from registry import Quantity
from results import load
from results.analysis.run import Run, gather
from results.analysis.timings import Pair, compare
from results.store.load import tidy
from results.views.speed_findings import STEPS, comparisons
from runner.execution.run import run as run_trials
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

LENGTHS = (64, 128, 256, 512)
ROUNDS = 6
PLUGIN = "copy"  # a plug-in with the settings of the lstm and the gru
MECHANISMS = (("lstm", None), ("gru", None), ("transformer", "scaled_dot"), ("transformer", "additive"), (PLUGIN, None))
Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
NOISES: dict[str, Noise] = {
    "normal, 3 %": lambda draw, shape: 0.03 * draw.standard_normal(shape),
    "normal, 5 %": lambda draw, shape: 0.05 * draw.standard_normal(shape),
    "normal, 10 %": lambda draw, shape: 0.1 * draw.standard_normal(shape),
    "normal, 30 %": lambda draw, shape: 0.3 * draw.standard_normal(shape),
    "heavy tails (t, 2 degrees of freedom), 5 %": lambda draw, shape: 0.05 * draw.standard_t(2, shape),
    "one timing in ten takes twice as long": lambda draw, shape: np.log(2) * (draw.random(shape) < 0.1),
    "half of the trials 1.5 times as long": lambda draw, shape: (
        np.log(1.5) * (draw.random((*shape[:2], 1, 1)) < 0.5) + 0.02 * draw.standard_normal(shape)
    ),
}


def made_up(
    draw: np.random.Generator, noise: Noise, slower: float = 1.0, rounds: int = ROUNDS, which: str = "additive"
) -> Run:
    """Return a run of mechanisms of the same speed, but `which` is `slower` times as slow, on a machine that drifts.

    From round to round the time of everything changes by about 30 %, and from trial to trial it walks at random by
    about 2 %, in the order in which the runner times: every second round goes backwards.
    """
    walk = np.cumsum(0.02 * draw.standard_normal((rounds, len(MECHANISMS))).ravel()).reshape(rounds, -1)
    walk[1::2] = walk[1::2, ::-1]
    walk += 0.3 * draw.standard_normal((rounds, 1))
    logarithms = walk[:, :, None, None] + noise(draw, (rounds, len(MECHANISMS), len(STEPS), len(LENGTHS)))
    logarithms[:, [which in each for each in MECHANISMS]] += np.log(slower)
    run = _template(rounds)
    return replace(run, frame=run.frame.assign(value=1000.0 * np.exp(-logarithms.ravel())))


@cache
def _template(rounds: int) -> Run:
    """Return the run whose values are to be made up, in the order of rounds, mechanisms, steps and lengths."""
    trials, rows = [], []
    for number, (place, mechanism) in product(range(rounds), enumerate(MECHANISMS)):
        key = f"{place}/{number}"
        trials.append(_trial(key, number, *mechanism))
        for step, length in product(STEPS, LENGTHS):
            measured = {"probe": "throughput", "quantity": step, "value": 1.0, "low": None, "high": None}
            rows.append({"trial": key, **measured, "coordinates": {"length": length}})
    quantities = {step: Quantity(step, step, "tokens/s", over=("length",)) for step in STEPS}
    return gather("made up", tidy(trials, rows, quantities), quantities)


def _trial(key: str, number: int, model: str, alignment: str | None) -> dict[str, object]:
    parts = {} if alignment is None else {"alignment": _spec("alignment", alignment)}
    given = {} if alignment is None else {"alignment": alignment}
    trial = {
        "mechanism": {**_spec("model", model), "settings": parts, "given": given},
        "task": None,
        "earlier": None,
        "seed": 0,
        "round": number,
        "recipe": {"width": 64, "learning_rate": 0.001},
        "probes": [_spec("probe", "throughput")],
    }
    absent = dict.fromkeys(("reason", "path", "retried"))
    ended = {**absent, "outcome": "ok", "session": "one", "seconds": 1.0, "attempts": 1}
    plugins = ["copy.py"] if model == PLUGIN else []
    return {"key": key, "trial": trial, "plugins": plugins, "properties": {}, "position": 0, **ended}


def _spec(kind: str, name: str) -> dict[str, object]:
    return {"kind": kind, "name": name, "settings": {}, "given": {}}


def share(
    reports: int, noise: Noise, slower: float = 1.0, words: str = "", rounds: int = ROUNDS, which: str = "additive"
) -> float:
    """Return the share of made-up reports that compare speeds in a sentence with these words."""
    draw = np.random.default_rng(0)
    runs = (made_up(draw, noise, slower, rounds, which) for _ in range(reports))
    told = [[each.text for each in comparisons(run)] for run in runs]
    return float(np.mean([any(words in text for text in texts) for texts in told]))


def found(reports: int, noise: str, rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the share of reports that name the additive score where it is 30 % slower, and likewise the plug-in."""
    score = share(reports, NOISES[noise], 1.3, "times as long", rounds)
    return score, share(reports, NOISES[noise], 1.3, f"of {PLUGIN} is slower than one of lstm", rounds, PLUGIN)


STEADY = ("normal, 3 %", "normal, 5 %")
MORE_ROUNDS = (6, 8, 10)
COPIES = 6
MODELS = {"lstm": "LSTM", "transformer": "Transformer"}
LATER = "throughput: {lengths: [64, 128, 256], seconds: 0.01}"
BEFORE = "throughput: {lengths: [64, 128, 256], seconds: 0.1, rounds: 1}"
COPY = """
@MODELS.register("{name}")
class {kind}{number}({kind}):
    pass
"""


def copies(model: str) -> list[str]:
    return [f"{model}_{number}" for number in range(COPIES)]


def timed(folder: Path, probe: str) -> pd.DataFrame:
    """Time copies of each of MODELS in fresh processes, as a run of the benchmark does, and return its measurements."""
    plugin, suite = folder / "copies.py", folder / "suite.yaml"
    lines = ["from mechanisms.models import MODELS"]
    for model, kind in MODELS.items():
        lines.append(f"from mechanisms.models.{model} import {kind}")
        lines += [COPY.format(name=name, kind=kind, number=n) for n, name in enumerate(copies(model))]
    plugin.write_text("\n".join(lines))
    names = ", ".join(name for model in MODELS for name in copies(model))
    suite.write_text(f"name: copies\nmechanisms: [{names}]\nprobes: [{probe}]\ntrain: {{width: 64}}\n")
    file = SuiteFile(suite)
    for _ in run_trials(file, make_plan(file, [str(plugin)], folder=folder / "none"), folder):
        pass
    return load(folder)


def called_different(frame: pd.DataFrame, model: str, step: str) -> float:
    """Return the share of pairs of copies and lengths that the rule of the report calls different."""
    # Each pair as in a report of two mechanisms: all that such a report compares counts.
    reports = [compare(frame, [Pair(*pair, each) for each in STEPS]) for pair in combinations(copies(model), 2)]
    signs = pd.concat(reports)
    return float((signs.loc[signs["quantity"] == step, "sign"] != 0).mean())


def apart(frame: pd.DataFrame, model: str, step: str) -> float:
    """Return the share of pairs of copies and lengths at which the quartiles of one trial do not overlap."""
    rows = frame[(frame["quantity"] == step) & frame["mechanism"].isin(copies(model))]
    both = rows.merge(rows, on="length", suffixes=("_1", "_2"))
    both = both[both["mechanism_1"] < both["mechanism_2"]]
    return float(((both["low_1"] > both["high_2"]) | (both["high_1"] < both["low_2"])).mean())


def on_this_machine() -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        before, later = timed(Path(first), BEFORE), timed(Path(second), LATER)
    print(f"share of pairs of {COPIES} copies, by length, that are called different on this machine")
    for model in MODELS:
        for step in STEPS:
            shares = f"{apart(before, model, step):.2f} before, {called_different(later, model, step):.2f} now"
            print(f"  {model} {step:8} {shares}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--machine", action="store_true", help="also time copies of one mechanism on this machine")
    chosen = parser.parse_args()
    print(f"share of {chosen.reports} reports that claim a ratio of speeds")
    for name, noise in NOISES.items():
        slow = share(chosen.reports, noise, 1.3, "times as long")
        print(
            f"  {name:45} {share(chosen.reports, noise):.3f} without a difference, {slow:.3f} of a kernel 30 % slower"
        )
    print(f"share of {chosen.reports} reports that name a kernel that is 30 % slower, by the number of rounds")
    for name, rounds in product(STEADY, MORE_ROUNDS):
        score, copy = found(chosen.reports, name, rounds)
        print(f"  {name:12} {rounds:2} rounds: {score:.3f} of the additive score, {copy:.3f} of a plug-in")
    if chosen.machine:
        on_this_machine()


if __name__ == "__main__":
    main()
