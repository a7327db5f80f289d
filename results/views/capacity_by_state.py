from __future__ import annotations

from ..analysis.run import Run
from .by_length import BANDS
from .capacity import capacity_lines, recovered
from .figure import Axis, Lines
from .view import VIEWS, View

CAPTION = (
    "Bits an example recovered from the source against the bytes that decoding keeps of it, as the task asks for more. "
    "A vertical line is a state of fixed size; attention keeps more of a longer source. A line ends to the right where "
    f"more memory was kept, and at the top where more was recovered. {BANDS}"
)


@VIEWS.register("capacity_by_state")
class CapacityByStateView(View):
    """The information recovered against the size of the state that decoding keeps of the source."""

    title = "Capacity against memory"
    needs = ("bits", "bits_asked", "bytes_kept")
    order = 12

    def shows(self, run: Run) -> bool:
        return bool(recovered(run)["bytes"].notna().any())

    def figure(self, run: Run) -> Lines | None:
        data = recovered(run).dropna(subset=["bytes"])
        x = Axis("bytes", "decoding state after the source (bytes)", log=True)
        return capacity_lines(run, data, CAPTION, x, Axis("value", "information recovered (bits)"))
