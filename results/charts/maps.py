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

from registry.names import visible

from ..analysis.run import Run
from ..views.figure import Maps
from .files import Picture, canvas
from .words import further, widest, wrap

# Inches: the width of the figure, a square, what stands between, and the longest words and titles.
WIDTH, SQUARE = 13.0, 0.16
GAP, TITLE, HEADING, BAR = 0.25, 0.3, 0.45, 0.5
LONGEST_WORD, LONGEST_TITLE = 1.8, 2.6
WORDS, TITLES, HEADINGS = 7.5, 8.0, 11.0  # points
NORM = PowerNorm(0.5, 0, 1)
LINKED = "#D55E00"


class Block(NamedTuple):
    """The titles of the maps of a panel, how many stand side by side, and the inches of a map and of what is around."""

    maps: dict[str, str]
    abreast: int
    left: float
    across: float
    pitch: float
    above: float
    below: float
    map_height: float

    @property
    def line(self) -> float:
        return self.above + self.map_height + self.below

    @property
    def height(self) -> float:
        return HEADING + -(-len(self.maps) // self.abreast) * self.line


def draw(maps: Maps, run: Run) -> Picture:
    """Return the figure."""
    blocks = {value: _block(maps, value) for value in maps.panels}
    height = BAR + sum(block.height for block in blocks.values())
    figure = canvas(WIDTH, height)
    # Every square has one size, so the places are computed here.
    figure.set_layout_engine("none")
    _bar(figure, maps.label, height)
    top = height - BAR
    for value, block in blocks.items():
        heading = wrap(maps.panels[value], WIDTH - 2 * GAP, HEADINGS, 1)
        figure.text(GAP / WIDTH, (top - 0.1) / height, heading, fontsize=HEADINGS, va="top", ha="left")
        for number, (mechanism, title) in enumerate(block.maps.items()):
            row, column = divmod(number, block.abreast)
            x = block.left + column * block.pitch
            y = top - HEADING - row * block.line - block.above - block.map_height
            ax = figure.add_axes(
                (x / WIDTH, y / height, block.across / WIDTH, block.map_height / height), label=f"{value} {mechanism}"
            )
            own = maps.data[(maps.data[maps.panel] == value) & (maps.data["mechanism"] == mechanism)]
            _map(ax, own, words=column == 0)
            ax.set_title(title, fontsize=TITLES, pad=3)
        top -= block.height
    return figure


def _block(maps: Maps, value: str) -> Block:
    rows = maps.data[maps.data[maps.panel] == value]
    names = [str(name) for name in rows["mechanism"].unique()]
    left = GAP + widest(map(_word, rows["query_word"].unique()), WORDS) + 0.15
    across = SQUARE * rows.groupby("mechanism")["key"].nunique().max()
    longest = max(across, LONGEST_TITLE)
    titles = {
        name: "\n".join(wrap(text, longest, TITLES) for text in (name, maps.titles[value, name])) for name in names
    }
    pitch = max(across, widest(titles.values(), TITLES)) + GAP
    abreast = max(1, min(len(names), int((WIDTH - left + GAP) / pitch)))
    above = TITLE + further(titles.values(), TITLES)
    below = widest(map(_word, rows["key_word"].unique()), WORDS) + GAP
    return Block(titles, abreast, left, across, pitch, above, below, SQUARE * rows["query"].nunique())


def _word(text: object) -> str:
    return wrap(str(text), LONGEST_WORD, WORDS, 1)


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
    ax.set_xticks(range(values.shape[1]), [_word(read[key]) for key in values.columns], rotation=90, fontsize=WORDS)
    asks = [_word(asked[query]) for query in values.index] if words else []
    ax.set_yticks(range(len(asks)), asks, fontsize=WORDS)
    ax.tick_params(length=0, pad=2)
    ax.spines[["top", "right"]].set_visible(True)


def _bar(figure: Figure, label: str, height: float) -> None:
    ax = figure.add_axes((GAP / WIDTH, (height - 0.17) / height, 2.2 / WIDTH, 0.1 / height))
    bar = figure.colorbar(
        ScalarMappable(NORM, _colours()), cax=ax, orientation="horizontal", ticks=[0, 0.1, 0.25, 0.5, 1]
    )
    bar.ax.tick_params(labelsize=WORDS, length=2, pad=1)
    figure.text((GAP + 2.4) / WIDTH, (height - 0.12) / height, visible(label), fontsize=9, va="center", ha="left")


def _colours() -> Colormap:
    found: Colormap = sns.light_palette("#0B3C6F", as_cmap=True)
    return found
