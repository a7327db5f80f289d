from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..analysis.alignment import ERROR_RATE, best_heads, heads
from ..analysis.run import Run
from ..store.formats import number
from ..store.rows import Array
from .figure import Maps
from .view import VIEWS, View

MOST_KEYS, MOST_QUERIES = 48, 24
QUERIES, ELSEWHERE = "(queries)", "(elsewhere)"
CAPTION = (
    "The attention weights of one test example of each task, the same for all mechanisms: a row is a scored query "
    "with its answer, a column a position of the source. Squares with a border are gold alignment links. The shade "
    "grows with the square root of the weight, so that small weights are visible. A map shows the head with the "
    "lowest alignment error rate (AER) on the test examples, and the AER in its title is that of all these examples; "
    "where it was not measured, it is the head with the most weight on the links of this example. Where source and "
    f"queries are one sequence, the last column {QUERIES} is the sum of the weights on query positions. The networks "
    "are those of the first seed."
)
CUT = (
    f" Of longer sources only the {MOST_KEYS} positions nearest to links are shown, and the column {ELSEWHERE} is the "
    f"sum of the other weights; of more queries only the first {MOST_QUERIES} are shown."
)


@VIEWS.register("attention_maps")
class AttentionMapsView(View):
    """The attention weights of one example of each task, with its gold alignment links."""

    title = "Attention maps"
    order = 56

    def shows(self, run: Run) -> bool:
        return any(run.arrays.values())

    def figure(self, run: Run) -> Maps | None:
        best = _best(run)
        found, titles, cut = [], {}, False
        for task, mechanism, trial in _trials(run):
            layers = {each.at["layer"]: each for each in run.arrays[trial] if _is_first(each)}
            layer, head, rate = best.get(trial) or _most_linked(layers)
            if layer not in layers:
                continue
            rows, is_cut = _rows(layers[layer], head)
            found.append(rows.assign(mechanism=mechanism, task=task, layer=layer, head=head))
            titles[task, mechanism] = f"layer {layer}, head {head}" + (
                f", AER {number(rate)}" if rate is not None else ""
            )
            cut = cut or is_cut
        if not found:
            return None
        data = pd.concat(found, ignore_index=True)
        panels = {task: task for task in run.tasks if task in set(data["task"])}
        return Maps(CAPTION + (CUT if cut else ""), data, "attention weight", panels, titles)


def _trials(run: Run) -> Iterator[tuple[str, str, str]]:
    """Yield task, mechanism and key of the trials to show, those of a task's first seed with kept weights."""
    kept = run.trials[run.trials["trial"].isin([key for key, arrays in run.arrays.items() if arrays])]
    kept = kept[kept["task"].isin(run.tasks) & (kept["outcome"] == "ok")]  # the rungs of ladders are too many
    for task, rows in kept.groupby("task", sort=False):
        for trial in rows[rows["seed"] == rows["seed"].min()].to_dict("records"):
            yield str(task), str(trial["mechanism"]), str(trial["trial"])


def _is_first(array: Array) -> bool:
    return array.name == "weights" and array.at["example"] == 1


def _best(run: Run) -> dict[str, tuple[int, int, float | None]]:
    """Return layer, head and error rate of the best head, by trial."""
    table = heads(run.frame)
    if ERROR_RATE not in table:
        return {}
    rows = best_heads(table)
    return {row["trial"]: (row["layer"], row["head"], row[ERROR_RATE]) for row in rows.to_dict("records")}


def _most_linked(layers: dict[int, Array]) -> tuple[int, int, float | None]:
    """Return layer and head with the most weight on the links; the first of equal ones, as without links."""
    on_links = {
        (layer, head): float(np.where(_linked(array), weights[:, : array.at["source"]], 0).sum())
        for layer, array in layers.items()
        for head, weights in enumerate(array.numbers().astype(float), start=1)
    }
    layer, head = max(on_links, key=lambda place: on_links[place], default=(0, 0))
    return layer, head, None


def _linked(array: Array) -> NDArray[np.bool_]:
    linked = np.zeros((array.shape[1], array.at["source"]), dtype=bool)
    for query, key in array.at["links"]:
        linked[query, key] = True
    return linked


def _rows(array: Array, head: int) -> tuple[pd.DataFrame, bool]:
    """Return a row for each square of a map, and whether squares are left out."""
    weights, linked = array.numbers()[head - 1].astype(float)[:MOST_QUERIES], _linked(array)[:MOST_QUERIES]
    source, keys = array.at["source"], list(array.at["keys"])
    shown = _nearest(linked, source)
    columns = [(place + 1, keys[place], weights[:, place], linked[:, place]) for place in shown]
    off = np.zeros(len(weights), dtype=bool)
    if len(shown) < source:
        left_out = np.setdiff1d(np.arange(source), shown)
        columns.append((source + 1, ELSEWHERE, weights[:, left_out].sum(1), off))
    if weights.shape[1] > source:
        columns.append((source + 2, QUERIES, weights[:, source:].sum(1), off))
    words = [f"{query} → {answer}" for query, answer in zip(array.at["queries"], array.at["answers"], strict=True)]
    found: list[dict[str, Any]] = [
        {"query": query + 1, "key": key, "query_word": words[query], "key_word": word, "value": value, "linked": link}
        for key, word, values, links in columns
        for query, (value, link) in enumerate(zip(values, links, strict=True))
    ]
    return pd.DataFrame(found), len(shown) < source or len(words) > MOST_QUERIES


def _nearest(linked: NDArray[np.bool_], source: int) -> Sequence[int]:
    """Return the source positions to show: all, or of many those nearest to a position that is linked."""
    if source <= MOST_KEYS:
        return range(source)
    places = np.flatnonzero(linked.any(0))
    distance = np.abs(np.arange(source)[:, None] - (places if places.size else np.zeros(1))[None]).min(1)
    return sorted(np.argsort(distance, kind="stable")[:MOST_KEYS].tolist())
