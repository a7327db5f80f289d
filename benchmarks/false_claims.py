"""How often a report claims a difference between mechanisms where there is none, and how often it finds one.

    .venv/bin/python -m benchmarks.false_claims [--reports 400] [--power] [--ladder]

Sixteen mechanisms, those of suites/quick.yaml, have equal means on three tasks, and only noise differs. Simple readers
score less than they do on one task and more on another. With --ladder, copy is a ladder of three rungs. A claim is a
sentence of any view, or of the caption of the ranking, with one of the words of WORDS, or a row of the table of tasks
that says APART. At most 5 % of reports may have one.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from results.analysis.run import Run
from results.analysis.selection import rates
from results.views.tasks import APART, marks, overview
from results.views.view import shown

Noise = Callable[[np.random.Generator, tuple[int, int, int]], NDArray[np.float64]]
"""Makes scores of shape (mechanisms, tasks, seeds)."""

ALIGNMENTS = ("additive", "dot", "scaled_dot", "general", "location", "cosine")
MECHANISMS = [
    *((model, None) for model in ("rnn", "lstm", "gru", "rnn_encoder_decoder")),
    *product(("rnn_attention", "transformer"), ALIGNMENTS),
]
TASKS = ("copy", "adding", "recall")
RUNGS = (4, 8, 16)
WORDS = re.compile(
    r"\b(higher|lower|better|worse|beats?|above|below|raised|lowered|faster|slower|differs?|more than|less than)\b"
    rf"|\d tasks? tells? mechanisms apart|^\w+: {APART}"
)
SHORTCUTS = {"copy": {"bag": 0.2, "last": 0.3}, "recall": {"bag": 0.9}}


def gaussian(sd: float) -> Noise:
    return lambda generator, shape: 0.5 + sd * generator.normal(size=shape)


def bimodal(generator: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """One run in five fails."""
    return np.where(generator.random(shape) < 0.2, 0.25, 0.99)


def heavy(generator: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    return 0.5 + 0.05 * generator.standard_t(3, size=shape)


def some_noisy(generator: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """A quarter of the mechanisms have ten times the standard deviation of the others."""
    sd = np.where(np.arange(shape[0]) % 4 == 0, 0.1, 0.01)
    return 0.5 + sd[:, None, None] * generator.normal(size=shape)


def some_bimodal(generator: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """One run in five fails, of a quarter of the mechanisms; all others have the same mean and little noise."""
    failing = np.where(generator.random(shape) < 0.2, 0.25, 0.99)
    steady = 0.842 + 0.01 * generator.normal(size=shape)
    return np.where((np.arange(shape[0]) % 4 == 0)[:, None, None], failing, steady)


NOISES: dict[str, Noise] = {
    "Gaussian, sd 0.01": gaussian(0.01),
    "Gaussian, sd 0.05": gaussian(0.05),
    "Gaussian, sd 0.1": gaussian(0.1),
    "bimodal, one run in five fails": bimodal,
    "heavy-tailed, t with 3 degrees of freedom": heavy,
    "a quarter with ten times the sd": some_noisy,
    "a quarter bimodal": some_bimodal,
}


class Reports:
    """Reports of made-up scores."""

    def __init__(self, seeds: int, ladder: bool = False) -> None:
        rungs = [(f"copy(items={rung})", rung) for rung in RUNGS] if ladder else [("copy", None)]
        self.tasks = [*rungs, *((task, None) for task in TASKS[1:])]
        self.shape = (len(MECHANISMS), len(self.tasks), seeds)
        self.trials = pd.DataFrame(list(self._trials(seeds)))
        self.frame = self.trials.assign(
            probe="accuracy",
            quantity="normalised",
            stage="test",
            length=8,
            step=None,
            distance=None,
            unit="",
            value=0.0,
        )

    def _trials(self, seeds: int) -> Iterator[dict[str, object]]:
        for (model, alignment), (task, rung), seed in product(MECHANISMS, self.tasks, range(seeds)):
            shortcuts = SHORTCUTS.get(task.partition("(")[0])
            content = alignment is not None and alignment != "location"
            name = model if alignment is None else f"{model}({alignment})"
            yield {
                "trial": f"{name} {task} {seed}",
                "mechanism": name,
                "variant": alignment or model,
                "model": model,
                "mechanism.alignment": alignment,
                "mechanism.alignment.reads_content": content,
                "mechanism.alignment.positional": alignment == "location",
                "mechanism.alignment.needs_history": False,
                "task": task,
                "ladder": "copy" if rung else None,
                "ladder_setting": "items" if rung else None,
                "rung": rung,
                "task.shortcuts": json.dumps(shortcuts) if shortcuts else None,
                "trained_length": 8,
                "seed": seed,
                "recipe.learning_rate": 0.001,
                "origin": None,
                "outcome": "ok",
                "probes": "accuracy",
                "reason": None,
            }

    def claims(self, scores: NDArray[np.float64]) -> list[str]:
        """Return the sentences of the report that claim a difference, and the rows of the table of tasks that do."""
        frame = self.frame.assign(value=scores.reshape(-1))
        run = Run("simulated", self.trials, frame, self.trials, rates(self.trials, frame))
        found = [finding.text for view in shown(run).values() for finding in view.findings(run)]
        rows = [f"{task}: {', '.join(marks(run, task))}" for task in run.tasks]
        said = [*found, overview(run), *rows]
        return [text for text in said if WORDS.search(text)]


def share(
    noise: Noise, seeds: int, reports: int, generator: np.random.Generator, ladder: bool = False
) -> tuple[int, float]:
    """Return how many of the reports claim a difference, and the lower 95 % limit of the share (Clopper-Pearson)."""
    made = Reports(seeds, ladder)
    count = sum(bool(made.claims(noise(generator, made.shape))) for _ in range(reports))
    return count, float(beta.ppf(0.05, count, reports - count + 1)) if count else 0.0


class Power(NamedTuple):
    """The shares of reports that find a true difference of one mechanism on one task.

    `sentence` says of which mechanism, `apart` that the task tells mechanisms apart; `wrong` are those that say so of
    another task, too.
    """

    sentence: float
    apart: float
    wrong: float


def power(difference: float, seeds: int, reports: int, generator: np.random.Generator) -> Power:
    """Return the power at a noise of sd 0.05."""
    made, found = Reports(seeds), np.zeros(3)
    for _ in range(reports):
        scores = gaussian(0.05)(generator, made.shape)
        scores[1, 0] += difference  # the LSTM, on copy
        claims = made.claims(scores)
        apart = {text.split(":")[0] for text in claims if re.match(rf"\w+: {APART}", text)}
        sentence = any("copy" in text and "lstm" in text and "higher" in text for text in claims)
        found += [sentence, "copy" in apart, bool(apart - {"copy"})]
    return Power(*map(float, found / reports))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--power", action="store_true", help="show how often true differences are found, too")
    parser.add_argument("--ladder", action="store_true", help="make one of the tasks a ladder")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    for seeds, (name, noise) in product((2, 5, 10), NOISES.items()):
        count, lower = share(noise, seeds, options.reports, generator, options.ladder)
        tells = f"{count:4} of {options.reports} reports  {count / options.reports:6.1%}  (lower limit {lower:.1%})"
        print(f"{seeds:2} seeds  {name:44} {tells}", flush=True)
    for seeds, difference in product((5, 10), (0.1, 0.2, 0.4) if options.power else ()):
        found = power(difference, seeds, options.reports, generator)
        shares = f"found in {found.sentence:.0%}, apart in {found.apart:.0%}, another task in {found.wrong:.1%}"
        print(f"{seeds:2} seeds  a true difference of {difference}: {shares}", flush=True)


if __name__ == "__main__":
    main()
