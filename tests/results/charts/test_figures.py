from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from results.analysis.run import Results, gather
from results.charts.files import Drawing, save
from results.report.contents import FIGURES, draw

NAMES = {
    "score_matrix",
    "score_against_speed",
    "learning_curves",
    "score_by_length",
    "gradients_initial",
    "gradients_trained",
    "throughput",
    "memory",
}


@pytest.fixture(scope="module")
def drawings(results: Results) -> dict[str, Drawing]:
    before = dict(mpl.rcParams)
    made = {drawing.name: drawing for drawing in draw(results)}
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    return made


def test_every_figure_is_written_with_its_data(run: Path, drawings: dict[str, Drawing]) -> None:
    assert set(drawings) == NAMES
    for name, drawing in drawings.items():
        for kind, start in {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}.items():
            assert (run / "report" / "figures" / f"{name}.{kind}").read_bytes().startswith(start)
        written = pd.read_csv(run / "report" / "figures" / f"{name}.csv")
        assert len(written) == len(drawing.data)
        assert list(written) == list(drawing.data)


@pytest.mark.parametrize(
    ("name", "x", "y", "row"),
    [
        ("score_by_length", "length", "value", "task"),
        ("gradients_trained", "distance", "drawn", "task"),
        ("throughput", "length", "value", "quantity"),
        ("memory", "length", "value", "quantity"),
        ("learning_curves", "step", "value", "task"),
    ],
)
def test_the_data_is_what_is_drawn(drawings: dict[str, Drawing], name: str, x: str, y: str, row: str) -> None:
    data = drawings[name].data
    if name == "learning_curves":
        data = data[data["seed"] == "mean"]
    drawn = {
        (line.get_label(), tuple(np.asarray(line.get_xdata(), float)), tuple(np.asarray(line.get_ydata(), float)))
        for ax in drawings[name].figure.axes
        for line in ax.lines
        if not str(line.get_label()).startswith("_")
    }
    expected = {
        (key[0], tuple(group[x].astype(float)), tuple(group[y].astype(float)))
        for key, group in data.groupby(["mechanism", row])
    }
    assert drawn == expected


def test_the_matrix_shows_numbers_and_words(drawings: dict[str, Drawing]) -> None:
    texts = [text.get_text() for text in drawings["score_matrix"].figure.axes[0].texts if text.get_text()]
    assert sorted(texts) == sorted(drawings["score_matrix"].data["shown"])
    assert {"failed", "skipped", "diverged"} <= set(texts)


def test_names_in_the_scatter_do_not_overlap(drawings: dict[str, Drawing]) -> None:
    for ax in drawings["score_against_speed"].figure.axes:
        for text in ax.texts:
            text.get_window_extent()  # moves an annotation to its place
        # Of the text alone, without the line to its point.
        boxes = [Text.get_window_extent(text) for text in ax.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_the_same_results_give_the_same_bytes(results: Results, tmp_path: Path) -> None:
    with mpl.rc_context():
        for place in ("one", "two"):
            drawing = next(iter(draw(results)))
            save(drawing, tmp_path / place)
    for kind in ("pdf", "svg", "png", "csv"):
        name = f"score_matrix.{kind}"
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_data_there_is_no_figure(results: Results) -> None:
    empty = Results(
        "x", results.trials.iloc[:0], results.frame.iloc[:0], results.all_trials.iloc[:0], results.rates, {}
    )
    assert [figure(empty) for figure in FIGURES] == [None] * len(FIGURES)


def test_many_tasks_of_few_mechanisms_stand_side_by_side(results: Results) -> None:
    """A row a task would make a figure of metres."""
    copies = [f"task{n}" for n in range(9)]
    kept = list(results.mechanisms[:3])

    def several(frame: pd.DataFrame) -> pd.DataFrame:
        tasks = results.tasks[0]
        rows = frame[frame["mechanism"].isin(kept) & (frame["task"] == tasks)]
        return pd.concat([rows.assign(task=name, trial=rows["trial"] + name) for name in copies], ignore_index=True)

    many = gather("many", several(results.trials), several(results.frame))
    made = {drawing.name: drawing for drawing in draw(many)}
    for name in ("learning_curves", "score_by_length"):
        width, height = made[name].figure.get_size_inches()
        assert height < 1.2 * width, name
        titles = [ax.get_title(loc="left") for ax in made[name].figure.axes]
        assert [title for title in titles if title] == copies
    matrix = made["score_matrix"].figure.axes[0]
    assert [label.get_text() for label in matrix.get_yticklabels()] == ["all tasks", *copies]
    assert sorted(label.get_text() for label in matrix.get_xticklabels()) == sorted(kept)
