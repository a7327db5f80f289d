from __future__ import annotations

import pandas as pd

from ..analysis.alignment import ERROR_RATE, LOWEST, OF_HEADS, heads, summarised
from ..analysis.intervals import over_seeds
from ..analysis.run import Run
from ..store.formats import digits
from .table import Column, Table
from .view import VIEWS, View

KEY = ["mechanism", "task"]
HEADINGS = {
    ERROR_RATE: "error rate",
    "permuted_error_rate": "permuted",
    "alignment_precision": "precision at 1",
    "permuted_precision": "precision, permuted",
    "alignment_mass": "mass on links",
    "permuted_mass": "mass, permuted",
    "attention_entropy": "entropy (nats)",
    "gradient_agreement": "τ with gradient × input",
    "leave_one_out_agreement": "τ with leave-one-out",
}
CAPTION = (
    "Whether the attention weights of the trained networks are on the gold alignment links, on test examples of the "
    "trained length: the head with the lowest alignment error rate (AER) of each trial, and the mean AER of all heads"
    " in all layers. AER: 0 where the heaviest key of every query is linked and every link is found, 1 where none is;"
    " lowest is that of one linked key for each query, since a query has one heaviest key and may have several links."
    " Precision at 1: the share of queries whose heaviest source position is linked. Mass: the share of a query's "
    "weights that is on its links; where source and queries are one sequence, weights on query positions are off the "
    "links. Permuted: the same weights with the links of another example; what is equal with both does not depend on "
    "the example. Entropy: 0 where one key has all the weight. τ: Kendall's rank correlation (τ-b), over source "
    "positions, of the weights with the size of gradient × input, and with the change of the answer's log-probability"
    " where the position's embedding is replaced by zeros; 0 for unrelated orders. It is far from 1 even where one "
    "linked position is first in both orders, if the order of the others is random. Means over seeds; intervals are "
    "95 % intervals from five seeds on, below that lowest to highest seed."
)


@VIEWS.register("alignment_quality")
class AlignmentQualityView(View):
    """Whether attention weights are on the gold links, and on what the network's answers depend on."""

    title = "Alignment quality"
    needs = (*OF_HEADS, LOWEST)
    order = 55

    def table(self, run: Run) -> Table | None:
        table = heads(run.frame)
        if ERROR_RATE not in table:
            return None
        numbers = _numbers(run, table)
        index = numbers[KEY].drop_duplicates(ignore_index=True)
        columns = [Column.of(name, index, name) for name in KEY]
        for quantity, heading in HEADINGS.items():
            columns.append(_column(heading, index, numbers, quantity, "best head"))
            if quantity == ERROR_RATE:
                columns.append(_column("lowest", index, numbers, LOWEST, "all heads"))
                columns.append(_column("mean over heads", index, numbers, ERROR_RATE, "mean over heads"))
        return Table(CAPTION, columns, numbers)


def _numbers(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """Return mechanism, task, `of` (which heads), quantity, value, low, high and seeds, in the order of the plan."""
    lowest = run.frame[(run.frame["quantity"] == LOWEST) & (run.frame["outcome"] == "ok")].dropna(subset=["value"])
    rows = pd.concat([summarised(table), lowest[[*KEY, "quantity", "value"]].assign(of="all heads")])
    for name in KEY:
        rows[name] = pd.Categorical(rows[name], run.trials[name].dropna().unique())
    numbers = over_seeds(rows.sort_values(["task", "mechanism"], kind="stable"), [*KEY, "of", "quantity"])
    return numbers.astype(dict.fromkeys(KEY, "str"))


def _column(heading: str, index: pd.DataFrame, numbers: pd.DataFrame, quantity: str, of: str) -> Column:
    own = numbers[(numbers["quantity"] == quantity) & (numbers["of"] == of)]
    rows = index.merge(own, on=KEY, how="left")
    return Column.of(heading, rows, "value", digits(2), low="low", high="high")
