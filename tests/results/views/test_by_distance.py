from __future__ import annotations

import pandas as pd

from results.analysis.run import Results, gather
from results.report.contents import draw


def test_accuracy_by_distance_is_drawn_where_it_was_measured(results: Results) -> None:
    rows = results.frame[(results.frame["quantity"] == "normalised") & (results.frame["stage"] == "test")]
    rows = rows[rows["task"] == results.tasks[0]]
    back = [rows.assign(quantity="accuracy_at_distance", distance=d, value=1 / d) for d in (2, 5, 9)]
    measured = gather("measured", results.trials, pd.concat([results.frame, *back], ignore_index=True))
    (drawing,) = [each for each in draw(measured) if each.name == "accuracy_by_distance"]
    assert set(drawing.data["task"]) == {results.tasks[0]}
    assert sorted(drawing.data["distance"].unique()) == [2, 5, 9]
    panel = drawing.figure.axes[0]
    assert panel.get_lines()[0].get_ydata().tolist() == [1 / 2, 1 / 5, 1 / 9]
