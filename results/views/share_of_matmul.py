from __future__ import annotations

from collections.abc import Iterator

from ..analysis.arithmetic import COUNTED, PRODUCT, TIMED, shares
from ..analysis.run import Run
from ..store.formats import short
from .figure import Lines
from .scaled import means_lines, means_table
from .table import Table
from .view import VIEWS, Finding, View

CAPTION = (
    "Floating-point operations per second of prefill, divided by those of a product of two matrices in float32 that is "
    "timed in the same round: 1 means that the mechanism calculates as fast as the product. Only products of matrices "
    "and convolutions count as operations, so a mechanism whose time goes into other things has a small share. The "
    "whole square of a causal attention counts, though a fused kernel calculates little more than half of it, so its "
    "share may be up to twice too large. The mean over the rounds, with its interval where there are five or more, "
    "else from the lowest to the highest."
)


@VIEWS.register("share_of_matmul")
class ShareOfMatmulView(View):
    """The operations per second of prefill beside those of a product of two matrices."""

    title = "Arithmetic speed beside a product of matrices"
    needs = (TIMED, COUNTED, PRODUCT)
    order = 72

    def shows(self, run: Run) -> bool:
        return run.measured.issuperset(self.needs)

    def table(self, run: Run) -> Table | None:
        return means_table(CAPTION, shares(run.frame), short)

    def figure(self, run: Run) -> Lines | None:
        return means_lines(CAPTION, shares(run.frame), "share of the product's speed", log=True)

    def findings(self, run: Run) -> Iterator[Finding]:
        product = run.frame.loc[run.frame["quantity"] == PRODUCT, "value"].dropna()
        if len(product):
            low, middle, high = (short(float(value)) for value in product.quantile([0.25, 0.5, 0.75]))
            text = f"The product of matrices ran at {middle} operations per second (median of all timed trials; "
            yield Finding(f"{text}quartiles {low} and {high}).")
