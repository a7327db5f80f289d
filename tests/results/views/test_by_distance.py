from __future__ import annotations

import pandas as pd
import pytest

from results.analysis.run import Run, gather
from results.charts import draw
from results.views import VIEWS


@pytest.mark.reference("view", "by_distance")
def test_accuracy_by_distance_is_drawn_where_it_was_measured(results: Run) -> None:
    rows = results.frame[(results.frame["quantity"] == "normalised") & (results.frame["stage"] == "test")]
    rows = rows[rows["task"] == results.tasks[0]]
    back = [rows.assign(quantity="accuracy_at_distance", distance=d, value=1 / d) for d in (2, 5, 9)]
    frame = pd.concat([results.frame, *back], ignore_index=True)
    measured = gather("measured", (results.trials, frame), results.quantities)
    view = VIEWS["by_distance"]()
    assert view.shows(measured)
    assert not view.shows(results)
    figure = view.figure(measured)
    assert figure is not None
    assert set(figure.data["task"]) == {results.tasks[0]}
    assert sorted(figure.data["distance"].unique()) == [2, 5, 9]
    panel = draw(figure, measured).axes[0]
    assert panel.get_lines()[0].get_ydata().tolist() == [1 / 2, 1 / 5, 1 / 9]  # type: ignore[union-attr]
