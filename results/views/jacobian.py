from __future__ import annotations

from ..analysis.decay import decays, profiles
from ..analysis.run import Run
from ..store.formats import count, digits
from .figure import Lines
from .gradient_flow import profile_lines
from .table import Column, Table
from .view import VIEWS, View

QUANTITY = "jacobian_norm"
CAPTION = (
    "How much the answer of an untrained network changes with an input, by its distance before the answer: the "
    "Frobenius norm of the Jacobian, divided by that at the nearest position (1, on a logarithmic scale). It is the "
    "gradient flow of all losses together, not of one. Bands are lowest to highest seed; a line ends where it falls "
    "below 1e-12."
)
TABLE_CAPTION = (
    "The Frobenius norm of the Jacobian of the answer with respect to the nearest input, the mean over seeds (the "
    "identity has the root of the width, 8 at width 64), and how it fades with distance, as in the table of gradient "
    "flow. The norm is a root mean square over examples and gradient flow a mean, so the two differ where a few "
    "examples have most of the gradient."
)


@VIEWS.register("jacobian")
class JacobianView(View):
    """The norm of the end-to-end Jacobian over distance, in untrained networks."""

    title = "End-to-end Jacobian before training"
    needs = (QUANTITY,)
    order = 62

    def table(self, run: Run) -> Table | None:
        frame = run.frame[run.frame["stage"] == "initial"]
        key = ["mechanism", "length"]
        nearest = profiles(frame, QUANTITY).sort_values("distance").drop_duplicates(key)
        if nearest.empty:
            return None
        rows = nearest[[*key, "raw"]].merge(decays(frame, QUANTITY), on=key)
        order = {name: place for place, name in enumerate(run.mechanisms)}
        rows = rows.sort_values(
            key, key=lambda column: column.map(order) if column.name == "mechanism" else column, ignore_index=True
        )
        columns = [
            Column.of("mechanism", rows, "mechanism"),
            Column.of("length", rows, "length", count),
            Column.of("norm at the nearest", rows, "raw", digits(3)),
            Column.of("decay (nats/position)", rows, "rate", digits(4), low="low", high="high"),
            Column.of("horizon", rows, "horizon", count, beyond="reach"),
            Column.of("verdict", rows, "verdict"),
        ]
        return Table(TABLE_CAPTION, columns, rows)

    def figure(self, run: Run) -> Lines | None:
        return profile_lines(run, "initial", CAPTION, QUANTITY)
