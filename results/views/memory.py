from __future__ import annotations

from collections.abc import Iterator

from ..analysis.run import Run
from ..analysis.scaling import BYTES, common_length, speeds
from ..store.formats import short
from .figure import Lines
from .scaled import PATHS, measured, scaled_lines, scaled_table
from .table import Column, Table
from .view import VIEWS, View

MEGABYTE = 1e6
CAPTION = (
    "Megabytes (10^6 bytes) against the length of the sequence, both on logarithmic scales: the most that a training "
    "step allocates, and what must be kept for each sequence while it is decoded. The legend gives the exponents: 0 "
    "means that memory does not depend on the length, 1 that it grows in proportion, 2 with its square."
)
TABLE_CAPTION = (
    "Medians at each length. The exponent is the log-log slope of the bytes over these lengths with its 95 % interval."
)


@VIEWS.register("memory")
class MemoryView(View):
    """Peak memory of a training step and the decoding state, against the length."""

    title = "Memory against length"
    needs = BYTES
    order = 80

    def table(self, run: Run) -> Table | None:
        return scaled_table(run, BYTES, TABLE_CAPTION + PATHS)

    def figure(self, run: Run) -> Lines | None:
        data = speeds(run, BYTES)
        data = data[data["value"] > 0]
        if data.empty:
            return None
        data = data.assign(value=data["value"] / MEGABYTE, unit="MB").drop(columns=["low", "high"])
        names = measured(data, BYTES)
        legend = f"exponents: {' / '.join(run.quantities[name].title for name in names)}"
        return scaled_lines(run, data.reset_index(drop=True), names, CAPTION + PATHS, "megabytes", legend)

    def columns(self, run: Run) -> Iterator[Column]:
        rows = speeds(run, ("peak_memory",))
        length = common_length(run, "peak_memory")
        rows = rows[rows["length"] == length].set_index("mechanism").assign(value=lambda at: at["value"] / MEGABYTE)
        yield Column.of(f"peak memory (MB) at {length}", rows, "value", short, 4)
