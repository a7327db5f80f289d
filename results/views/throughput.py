from __future__ import annotations

from collections.abc import Iterator

from ..analysis.run import Run
from ..analysis.scaling import SPEEDS, common_length, exponents, speeds
from ..analysis.timings import REFERENCE
from ..store.formats import digits, short
from .figure import Lines
from .scaled import MOVED, PATHS, measured, scaled_lines, scaled_table
from .speed_findings import speed_findings
from .table import Column, Table
from .view import VIEWS, Finding, View

CAPTION = (
    "Tokens per second (higher is faster) against the length of the sequence, both on logarithmic scales: of a whole "
    "training step (forward, backward, optimiser), of reading a sequence (prefill), and of generating one position "
    "after another (decoding). Points are medians over the rounds of timings, bands their quartiles. The legend gives "
    "the exponents of time: 1 means that twice the length takes twice the time, 2 that it takes four times."
)
TABLE_CAPTION = (
    "Medians over the rounds of timings at each length. The exponent is the log-log slope, over these lengths, of the "
    "time for a whole sequence (1: twice the length takes twice the time), with its 95 % interval. What was timed in "
    "another session than the rest is marked, and multiplied by the ratio of a reference job's speeds in the two."
)


@VIEWS.register("throughput")
class ThroughputView(View):
    """Tokens per second of training, prefill and decoding, against the length."""

    title = "Throughput against length"
    needs = (*SPEEDS, REFERENCE)
    order = 70

    def table(self, run: Run) -> Table | None:
        return scaled_table(run, SPEEDS, TABLE_CAPTION + PATHS)

    def figure(self, run: Run) -> Lines | None:
        data = speeds(run, SPEEDS)
        if data.empty:
            return None
        names = measured(data, SPEEDS)
        fitted = exponents(run, SPEEDS)[["mechanism", "quantity", "exponent"]]
        data = data.merge(fitted, on=["mechanism", "quantity"], how="left")
        legend = f"exponents of time: {' / '.join(names)}"
        return scaled_lines(run, data, names, CAPTION + PATHS, "tokens per second", legend)

    def findings(self, run: Run) -> Iterator[Finding]:
        yield from speed_findings(run)

    def columns(self, run: Run) -> Iterator[Column]:
        rows, length = speeds(run, SPEEDS), common_length(run)
        # Without a length that all have, each is shown at none rather than at one of its own.
        at = rows[rows["length"] == length].set_index("mechanism").assign(words=lambda rows: rows["moved"].map(MOVED))
        for quantity, importance in (("train", 8), ("decode", 2)):
            timed = at[at["quantity"] == quantity]
            yield Column.of(f"{quantity} tokens/s at {length}", timed, "value", short, importance, words="words")
        fitted = exponents(run, ("train",)).set_index("mechanism")
        yield Column.of("time exponent", fitted, "exponent", digits(2), 3, low="low", high="high")
