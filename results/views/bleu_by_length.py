from __future__ import annotations

from ..analysis.run import Run
from ..store.formats import count, digits
from .by_length import BANDS, KEY, by_length, length_lines, tested
from .figure import Axis, Lines
from .table import Column, Table
from .view import VIEWS, View

CAPTION = (
    "The BLEU of translations that are decoded greedily, by the length of the sentences, as they grow longer than the "
    "longest trained on (dotted line). " + BANDS
)


@VIEWS.register("bleu_by_length")
class BleuByLengthView(View):
    """BLEU against the length of the sentences."""

    title = "BLEU by sentence length"
    needs = ("bleu",)
    order = 41

    def table(self, run: Run) -> Table | None:
        numbers = tested(run, ["bleu"])
        columns = [Column.of(name, numbers, name) for name in KEY[:2]]
        columns.append(Column.of("length", numbers, "length", count))
        columns.append(
            Column.of("BLEU", numbers, "value", digits(run.quantities["bleu"].digits), low="low", high="high")
        )
        return Table("BLEU of greedily decoded translations, the mean over seeds with its interval.", columns, numbers)

    def figure(self, run: Run) -> Lines | None:
        return length_lines(run, by_length(run.frame, "bleu"), CAPTION, Axis("value", "BLEU", limits=(-3.0, 105.0)))
