from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure as Drawing
from matplotlib.text import Text

from results.analysis.run import Run, gather, read
from results.charts import draw
from results.charts.files import save
from results.report.contents import contents
from results.views import VIEWS, Figure, Lines

NAMES = {
    "ranking",
    "score_against_speed",
    "learning",
    "learning_rates",
    "by_length",
    "gradient_flow",
    "gradient_flow_trained",
    "throughput",
    "memory",
}


@pytest.fixture(scope="module")
def figures(results: Run) -> dict[str, Figure]:
    return {section.name: section.figure for section in contents(results).sections if section.figure is not None}


@pytest.fixture(scope="module")
def drawings(results: Run, figures: dict[str, Figure]) -> dict[str, Drawing]:
    before = dict(mpl.rcParams)
    made = {name: draw(figure, results) for name, figure in figures.items()}
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []
    return made


def test_every_figure_is_written_with_its_data(run: Path) -> None:
    figures = {section.name: section.figure for section in contents(read(run)).sections if section.figure is not None}
    assert set(figures) == NAMES
    for name, figure in figures.items():
        for kind, start in {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}.items():
            assert (run / "report" / "figures" / f"{name}.{kind}").read_bytes().startswith(start)
        written = pd.read_csv(run / "report" / "figures" / f"{name}.csv", comment="#")
        assert len(written) == len(figure.data)
        assert list(written) == list(figure.data)


@pytest.mark.parametrize(
    "name", ["by_length", "gradient_flow_trained", "throughput", "memory", "learning", "learning_rates"]
)
def test_the_data_is_what_is_drawn(figures: dict[str, Figure], drawings: dict[str, Drawing], name: str) -> None:
    figure = figures[name]
    assert isinstance(figure, Lines)
    data = figure.data if figure.unit is None else figure.data[figure.data[figure.unit] == "mean"]
    drawn = {
        (line.get_label(), tuple(np.asarray(line.get_xdata(), float)), tuple(np.asarray(line.get_ydata(), float)))
        for ax in drawings[name].axes
        for line in ax.lines
        if not str(line.get_label()).startswith("_")
    }
    expected = {
        (key[0], tuple(group[figure.x.column].astype(float)), tuple(group[figure.y.column].astype(float)))
        for key, group in data.groupby(["mechanism", figure.panel])
    }
    assert drawn == expected


def test_the_heat_map_shows_numbers_and_words(figures: dict[str, Figure], drawings: dict[str, Drawing]) -> None:
    texts = [text.get_text() for text in drawings["ranking"].axes[0].texts if text.get_text()]
    assert sorted(texts) == sorted(figures["ranking"].data["shown"])
    assert {"failed", "skipped", "diverged"} <= set(texts)


def test_names_in_the_scatter_do_not_overlap(drawings: dict[str, Drawing]) -> None:
    for ax in drawings["score_against_speed"].axes:
        for text in ax.texts:
            text.get_window_extent()  # moves an annotation to its place
        # Of the text alone, without the line to its point.
        boxes = [Text.get_window_extent(text) for text in ax.texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_the_same_results_give_the_same_bytes(results: Run, figures: dict[str, Figure], tmp_path: Path) -> None:
    for place in ("one", "two"):
        save(draw(figures["ranking"], results), figures["ranking"].data, tmp_path / place / "ranking")
    for kind in ("pdf", "svg", "png", "csv"):
        assert (tmp_path / "one" / f"ranking.{kind}").read_bytes() == (
            tmp_path / "two" / f"ranking.{kind}"
        ).read_bytes()


def test_without_data_there_is_no_figure() -> None:
    frames = pd.DataFrame
    from results.store.load import tidy

    empty = gather("empty", tidy([], [], {}), {})
    assert isinstance(empty.frame, frames)
    assert [entry.value().figure(empty) for entry in VIEWS.entries()] == [None] * len(VIEWS.entries())


def test_a_figure_shows_itself_in_a_notebook(drawings: dict[str, Drawing]) -> None:
    shown = drawings["ranking"]._repr_png_()  # type: ignore[attr-defined]
    assert shown.startswith(b"\x89PNG")


def test_many_tasks_of_few_mechanisms_are_side_by_side(results: Run) -> None:
    """A row a task would make a figure of metres."""
    copies = [f"task{n}" for n in range(9)]
    kept = list(results.mechanisms[:3])

    def several(frame: pd.DataFrame) -> pd.DataFrame:
        rows = frame[frame["mechanism"].isin(kept) & (frame["task"] == results.tasks[0])]
        return pd.concat([rows.assign(task=name, trial=rows["trial"] + name) for name in copies], ignore_index=True)

    many = gather("many", (several(results.trials), several(results.frame)), results.quantities)
    sections = {section.name: section for section in contents(many).sections}
    for name in ("learning", "by_length"):
        figure = sections[name].figure
        assert figure is not None
        drawing = draw(figure, many)
        width, height = drawing.get_size_inches()
        assert height < 1.2 * width, name
        titles = [ax.get_title(loc="left") for ax in drawing.axes]
        assert [title for title in titles if title] == copies
    figure = sections["ranking"].figure
    assert figure is not None
    squares = draw(figure, many).axes[0]
    assert [label.get_text() for label in squares.get_yticklabels()] == ["all tasks", *copies]
    assert sorted(label.get_text() for label in squares.get_xticklabels()) == sorted(kept)
