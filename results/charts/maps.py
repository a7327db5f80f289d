"""Heat maps with words on both axes: a block for each panel, in which each mechanism has a map."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..analysis.run import Run
from ..views.figure import Maps
from .files import canvas

# Inches: the width of the figure, a square, a letter of the words and of the titles, and what stands between.
WIDTH, SQUARE, LETTER, TITLE_LETTER = 13.0, 0.16, 0.068, 0.056
GAP, TITLE, HEADING, BAR = 0.25, 0.4, 0.45, 0.5
WORDS, TITLES = 7.5, 8.0
NORM = PowerNorm(0.5, 0, 1)
LINKED = "#D55E00"


class Block(NamedTuple):
    """The maps of a panel: how many stand side by side, and the inches of a map and of what is around it."""

    maps: list[str]
    abreast: int
    left: float
    across: float
    pitch: float
    below: float
    map_height: float

    @property
    def line(self) -> float:
        return TITLE + self.map_height + self.below

    @property
    def height(self) -> float:
        return HEADING + -(-len(self.maps) // self.abreast) * self.line


def draw(maps: Maps, run: Run) -> Figure:
    """Return the figure."""
    blocks = {value: _block(maps, value) for value in maps.panels}
    height = BAR + sum(block.height for block in blocks.values())
    figure = canvas(WIDTH, height)
    # Every square has one size, so the places are computed here.
    figure.set_layout_engine("none")
    _bar(figure, maps.label, height)
    top = height - BAR
    for value, block in blocks.items():
        figure.text(GAP / WIDTH, (top - 0.1) / height, maps.panels[value], fontsize=11, va="top", ha="left")
        for number, mechanism in enumerate(block.maps):
            row, column = divmod(number, block.abreast)
            x = block.left + column * block.pitch
            y = top - HEADING - row * block.line - TITLE - block.map_height
            ax = figure.add_axes(
                (x / WIDTH, y / height, block.across / WIDTH, block.map_height / height), label=f"{value} {mechanism}"
            )
            own = maps.data[(maps.data[maps.panel] == value) & (maps.data["mechanism"] == mechanism)]
            _map(ax, own, words=column == 0)
            ax.set_title(f"{mechanism}\n{maps.titles[value, mechanism]}", fontsize=TITLES, pad=3)
        top -= block.height
    return figure


def _block(maps: Maps, value: str) -> Block:
    rows = maps.data[maps.data[maps.panel] == value]
    names = [str(name) for name in rows["mechanism"].unique()]
    left = GAP + LETTER * max(map(len, rows["query_word"])) + 0.15
    across = SQUARE * rows.groupby("mechanism")["key"].nunique().max()
    texts = [text for name in names for text in (name, maps.titles[value, name])]
    pitch = max(across, TITLE_LETTER * max(map(len, texts))) + GAP
    abreast = max(1, min(len(names), int((WIDTH - left + GAP) / pitch)))
    below = LETTER * max(map(len, rows["key_word"])) + GAP
    return Block(names, abreast, left, across, pitch, below, SQUARE * rows["query"].nunique())


def _map(ax: Axes, rows: pd.DataFrame, *, words: bool) -> None:
    values = rows.pivot(index="query", columns="key", values="value")
    linked = rows.pivot(index="query", columns="key", values="linked")
    asked, read = (rows.drop_duplicates(name).set_index(name)[f"{name}_word"] for name in ("query", "key"))
    ax.imshow(values.to_numpy(dtype=float), cmap=_colours(), norm=NORM, aspect="auto", interpolation="nearest")
    for query, key in zip(*linked.to_numpy(dtype=bool).nonzero(), strict=True):
        ax.add_patch(
            Rectangle((key - 0.5, query - 0.5), 1, 1, fill=False, edgecolor=LINKED, linewidth=1.1, clip_on=False)
        )
    ax.grid(False)
    ax.set_xticks(range(values.shape[1]), [str(read[key]) for key in values.columns], rotation=90, fontsize=WORDS)
    asks = [str(asked[query]) for query in values.index] if words else []
    ax.set_yticks(range(len(asks)), asks, fontsize=WORDS)
    ax.tick_params(length=0, pad=2)
    ax.spines[["top", "right"]].set_visible(True)


def _bar(figure: Figure, label: str, height: float) -> None:
    ax = figure.add_axes((GAP / WIDTH, (height - 0.17) / height, 2.2 / WIDTH, 0.1 / height))
    bar = figure.colorbar(
        ScalarMappable(NORM, _colours()), cax=ax, orientation="horizontal", ticks=[0, 0.1, 0.25, 0.5, 1]
    )
    bar.ax.tick_params(labelsize=WORDS, length=2, pad=1)
    figure.text((GAP + 2.4) / WIDTH, (height - 0.12) / height, label, fontsize=9, va="center", ha="left")


def _colours() -> Colormap:
    found: Colormap = sns.light_palette("#0B3C6F", as_cmap=True)
    return found
