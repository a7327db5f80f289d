"""Does a report say that a kernel is slower, when one was made 30 % slower on purpose?

    .venv/bin/python -m benchmarks.slower_kernel [--model gru] [--more 0.3] [--rounds 6] [--length 256]

A plug-in is a copy of a model that does `--more` of its work again at every call, forward and backward. A run of the
benchmark times both on this machine. How many times as long the copy takes is printed for each step with its interval,
and then the sentence of the report, or "not found". A training step has other work too (embedding, readout, optimiser),
so its ratio is smaller than 1 + `--more`. With `--more 0` nothing should be found.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from results.analysis.run import Run, read
from results.analysis.timings import Pair, compare
from results.views.speed_findings import STEPS, comparisons
from runner.execution.run import run as run_trials
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

COPY = "slower_copy"
PLUGIN = """
from mechanisms.models import MODELS


@MODELS.register("{copy}")
class SlowerCopy(MODELS["{model}"]):
    def forward(self, source, query):
        again = super().forward(*(x[:, : round({more} * x.shape[1])] for x in (source, query))) if {more} else None
        return super().forward(source, query) + (0.0 if again is None else 0.0 * again.mean())

    def start(self, source):
        if {more}:
            super().start(source[:, : round({more} * source.shape[1])])
        return super().start(source)
"""


def timed(folder: Path, model: str, more: float, rounds: int, length: int) -> Run:
    """Time the model and its slower copy as a run of the benchmark does."""
    plugin, suite = folder / "slower.py", folder / "suite.yaml"
    plugin.write_text(PLUGIN.format(copy=COPY, model=model, more=more))
    probe = f"throughput: {{lengths: [{length}], rounds: {rounds}}}"
    suite.write_text(f"name: slower\nmechanisms: [{model}, {COPY}]\nprobes: [{probe}]\ntrain: {{width: 64}}\n")
    file = SuiteFile(suite)
    for _ in run_trials(file, make_plan(file, [str(plugin)], folder=folder / "none"), folder):
        pass
    return read(folder)


def told(run: Run, model: str) -> list[str]:
    """Return the ratio of each step (how many times as long the copy takes), and what the report says."""
    pairs = [Pair(model, COPY, step) for step in STEPS]
    rows = compare(run.frame, pairs).to_dict("records")
    ratios = [
        f"{row['quantity']:8} {row['ratio']:.2f} [{row['low']:.2f}, {row['high']:.2f}] in {row['rounds']} rounds"
        for row in rows
    ]
    sentences = [each.text for each in comparisons(run) if COPY in each.text]
    return [*ratios, *(sentences or ["not found"])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="gru")
    parser.add_argument("--more", type=float, default=0.3, help="how much of its work the copy does again")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--length", type=int, default=256)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = timed(Path(folder), chosen.model, chosen.more, chosen.rounds, chosen.length)
        print("\n".join(told(run, chosen.model)))


if __name__ == "__main__":
    main()
