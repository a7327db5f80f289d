from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from results import Array, Measurement, Outcome, Store
from results.analysis.run import Run, read
from results.charts import draw
from results.charts.maps import LINKED
from results.views import VIEWS, Maps
from tests.results.trials import QUANTITIES, planned

WEIGHTS = np.array([[[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]], [[0.0, 1.0, 0.0], [0.125, 0.75, 0.125]]])
"""Two heads, two queries, and two source positions and one query position."""


def kept(weights: np.ndarray[Any, Any], source: int, links: list[list[int]], layer: int = 1, example: int = 1) -> Array:
    at = {
        "example": example,
        "layer": layer,
        "queries": [f"q{n}" for n in range(weights.shape[1])],
        "answers": [f"a{n}" for n in range(weights.shape[1])],
        "keys": [f"w{n}" for n in range(weights.shape[2])],
        "source": source,
        "links": links,
    }
    return Array("weights", weights.shape, "float16", weights.astype("float16").tobytes(), at)


def run_with(folder: Path, arrays: dict[tuple[str, str, int], tuple[Array, ...]], rates: dict[str, list[float]]) -> Run:
    """A run of these trials, by mechanism, task and seed; `rates` are the error rates of the heads of a mechanism."""
    with Store(folder / "results.sqlite") as store:
        rows = {key: planned("/".join(map(str, key)), key[0], key[1], length=9, seed=key[2]) for key in arrays}
        store.plan(list(rows.values()), {}, QUANTITIES)
        for key, row in rows.items():
            measured = tuple(
                Measurement(
                    "alignment_quality",
                    "alignment_error_rate",
                    rate,
                    at={"stage": "test", "length": 9, "layer": 1, "head": head},
                )
                for head, rate in enumerate(rates.get(key[0], []), start=1)
            )
            store.finish(row.key, Outcome("ok", measurements=measured, arrays=arrays[key]))
    return read(folder)


def figure_of(run: Run) -> Maps:
    view = VIEWS["attention_maps"]()
    assert view.shows(run)
    figure = view.figure(run)
    assert isinstance(figure, Maps)
    return figure


@pytest.mark.reference("view", "attention_maps")
def test_a_map_by_hand(tmp_path: Path) -> None:
    """A stream model: the head with the lower error rate is shown, and the query position is a column of its own."""
    arrays = (kept(WEIGHTS, 2, [[0, 1], [1, 0]]), kept(1 - WEIGHTS, 2, [], example=2))
    run = run_with(tmp_path, {("transformer", "recall", 0): arrays}, {"transformer": [0.75, 0.25]})
    figure = figure_of(run)
    assert figure.titles == {("recall", "transformer"): "layer 1, head 2, AER 0.25"}
    squares = figure.data.set_index(["query", "key"])
    assert squares["value"].unstack().to_numpy().tolist() == [[0.0, 1.0, 0.0], [0.125, 0.75, 0.125]]
    assert squares["linked"].unstack().to_numpy().tolist() == [[False, True, False], [True, False, False]]
    assert list(squares["key_word"].unstack().iloc[0]) == ["w0", "w1", "(queries)"]
    assert list(squares["query_word"].unstack().iloc[:, 0]) == ["q0 → a0", "q1 → a1"]
    drawn = draw(figure, run)
    (panel,) = [ax for ax in drawn.axes if ax.get_title(loc="left")]
    assert panel.get_title(loc="left") == "transformer\nlayer 1, head 2, AER 0.25"
    assert np.asarray(panel.get_images()[0].get_array()).tolist() == [[0.0, 1.0, 0.0], [0.125, 0.75, 0.125]]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["w0", "w1", "(queries)"]
    assert [label.get_text() for label in panel.get_yticklabels()] == ["q0 → a0", "q1 → a1"]
    borders = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    assert [(patch.get_x(), patch.get_y()) for patch in borders] == [(0.5, -0.5), (-0.5, 0.5)]
    assert {to_hex(patch.get_edgecolor()).upper() for patch in borders} == {LINKED}


def test_without_measured_error_rates_the_head_with_most_weight_on_the_links_is_shown(tmp_path: Path) -> None:
    """The first head has 0.5 + 0 on these links, the second 0 + 0.75."""
    arrays = (kept(WEIGHTS, 2, [[0, 0], [1, 1]]),)
    figure = figure_of(run_with(tmp_path, {("transformer", "recall", 0): arrays}, {}))
    assert figure.titles == {("recall", "transformer"): "layer 1, head 2"}


def test_a_map_for_each_mechanism_and_task_of_the_first_seed(tmp_path: Path) -> None:
    small = WEIGHTS[:, :, :2]
    trials = {
        (mechanism, task, seed): (kept(small * (1 - seed), 2, []),)
        for task in ("copy", "recall")
        for mechanism in ("rnn_attention", "transformer")
        for seed in (0, 1)
    }
    run = run_with(tmp_path, trials | {("gru", "copy", 0): ()}, {})
    figure = figure_of(run)
    assert list(figure.panels) == ["copy", "recall"]
    assert list(figure.titles) == [(task, name) for task in figure.panels for name in ("rnn_attention", "transformer")]
    assert figure.data["value"].sum() == 4 * small[0].sum(), "seed 1 has other weights"
    assert len([ax for ax in draw(figure, run).axes if ax.get_title(loc="left")]) == 4


def test_a_long_source_is_cut_to_the_neighbourhood_of_the_links(tmp_path: Path) -> None:
    weights = np.full((1, 30, 100), 1 / 128)
    run = run_with(tmp_path, {("rnn_attention", "cafe", 0): (kept(weights, 100, [[0, 70], [5, 72]]),)}, {})
    figure = figure_of(run)
    words = list(figure.data.drop_duplicates("key")["key_word"])
    # The 48 positions nearest to 70 or 72, the earlier of two equally near ones first: 47 to 94.
    assert words == [*(f"w{place}" for place in range(47, 95)), "(elsewhere)"]
    assert figure.data["query"].max() == 24
    elsewhere = figure.data[figure.data["key_word"] == "(elsewhere)"]
    assert elsewhere["value"].tolist() == [52 / 128] * 24
    assert "only the 48 positions nearest to links" in figure.caption
    draw(figure, run)


def test_runs_without_kept_weights_have_no_maps(results: Run) -> None:
    view = VIEWS["attention_maps"]()
    assert not view.shows(results)
    assert view.figure(results) is None


def test_many_maps_and_long_names_stay_inside_the_figure(tmp_path: Path) -> None:
    """Every word of every map is drawn inside the figure."""
    weights = np.full((1, 1, 48), 1 / 48)
    array = kept(weights, 48, [[0, 3]])
    words = {"keys": ["sits_down_in_the_garden"] * 48, "queries": ["restaurant"], "answers": ["seventeen"]}
    arrays = (replace(array, at={**array.at, **words}),)
    names = ["rnn_attention", "transformer", "transformer_encoder_decoder", "self_attentive_rnn"]
    run = run_with(tmp_path, {(name, task, 0): arrays for task in ("cafe", "needle") for name in names}, {})
    drawn = draw(figure_of(run), run)
    box = drawn.bbox
    drawn.canvas.draw()
    for ax in drawn.axes:
        for text in ax.findobj(Text, include_self=False):
            if not text.get_text():
                continue
            extent = text.get_window_extent()
            assert box.x0 <= extent.x0
            assert extent.x1 <= box.x1
            assert box.y0 <= extent.y0
            assert extent.y1 <= box.y1
