"""How often a report claims a difference between mechanisms where there is none, and how often it finds one.

    .venv/bin/python -m benchmarks.false_claims [--reports 400] [--power]

Sixteen mechanisms, those of suites/quick.yaml, have equal means on three tasks, and only noise differs. A claim is a
sentence of any view with one of the words of WORDS. At most 5 % of reports may have one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from results.analysis.run import Run
from results.analysis.selection import rates
from results.views.view import shown

Noise = Callable[[np.random.Generator, tuple[int, int, int]], NDArray[np.float64]]
"""Makes scores of shape (mechanisms, tasks, seeds)."""

ALIGNMENTS = ("additive", "dot", "scaled_dot", "general", "location", "cosine")
MECHANISMS = [
    *((model, None) for model in ("rnn", "lstm", "gru", "rnn_encoder_decoder")),
    *product(("rnn_attention", "transformer"), ALIGNMENTS),
]
TASKS = ("copy", "adding", "recall")
WORDS = re.compile(
    r"\b(higher|lower|better|worse|beats?|above|below|raised|lowered|faster|slower|differs?|more than|less than)\b"
)


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

    def __init__(self, seeds: int) -> None:
        self.shape = (len(MECHANISMS), len(TASKS), seeds)
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
        for (model, alignment), task, seed in product(MECHANISMS, TASKS, range(seeds)):
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
                "trained_length": 8,
                "seed": seed,
                "recipe.learning_rate": 0.001,
                "origin": None,
                "outcome": "ok",
                "probes": "accuracy",
                "reason": None,
            }

    def claims(self, scores: NDArray[np.float64]) -> list[str]:
        """Return the sentences of the report that claim a difference."""
        frame = self.frame.assign(value=scores.reshape(-1))
        run = Run("simulated", self.trials, frame, self.trials, rates(self.trials, frame))
        found = [finding.text for view in shown(run).values() for finding in view.findings(run)]
        return [text for text in found if WORDS.search(text)]


def share(noise: Noise, seeds: int, reports: int, generator: np.random.Generator) -> tuple[int, float]:
    """Return how many of the reports claim a difference, and the lower 95 % limit of the share (Clopper-Pearson)."""
    made = Reports(seeds)
    count = sum(bool(made.claims(noise(generator, made.shape))) for _ in range(reports))
    return count, float(beta.ppf(0.05, count, reports - count + 1)) if count else 0.0


def power(difference: float, seeds: int, reports: int, generator: np.random.Generator) -> float:
    """Return the share of reports that find a true difference of one mechanism on one task, at a noise of sd 0.05."""
    made, found = Reports(seeds), 0
    for _ in range(reports):
        scores = gaussian(0.05)(generator, made.shape)
        scores[1, 0] += difference  # the LSTM, on copy
        found += any("copy" in text and "lstm" in text and "higher" in text for text in made.claims(scores))
    return found / reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=400)
    parser.add_argument("--power", action="store_true", help="show how often true differences are found, too")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    for seeds, (name, noise) in product((2, 5, 10), NOISES.items()):
        count, lower = share(noise, seeds, options.reports, generator)
        tells = f"{count:4} of {options.reports} reports  {count / options.reports:6.1%}  (lower limit {lower:.1%})"
        print(f"{seeds:2} seeds  {name:44} {tells}", flush=True)
    for seeds, difference in product((5, 10), (0.1, 0.2, 0.4) if options.power else ()):
        found = power(difference, seeds, options.reports, generator)
        print(f"{seeds:2} seeds  a true difference of {difference}: found in {found:.0%}", flush=True)


if __name__ == "__main__":
    main()
