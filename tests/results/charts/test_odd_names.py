"""Names in any script, of up to 80 letters, are drawn as they are written, inside the figure and without a warning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import pandas as pd
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.text import Text

from results.charts import draw, fonts
from results.charts.files import Picture, save, settle
from results.charts.theme import themed
from results.views import Axis, Figure, Heatmap, Lines, Maps, Scatter

LETTERS = "注意力"
SIGNS = ["a$b$c", "$\\frac$", "_x", "<b>&x|y", "50%^2#{}", "`q'\"\\", "שלום", "é̂"]
LONG = ["a" * 80, "W" * 80, "a_name_of_eighty_letters_" + "and_more_" * 6, "n" * 24]


def made_run(names: Sequence[str], alignments: bool = False) -> Any:
    """Return what charts read of a run with these mechanisms, or alignments of one model."""
    model = ["rnn_attention"] * len(names) if alignments else list(names)
    alignment = list(names) if alignments else [None] * len(names)
    trials = pd.DataFrame(
        {"mechanism": list(names), "model": model, "mechanism.alignment": alignment, "variant": list(names)}
    )
    return SimpleNamespace(trials=trials, all_trials=trials, mechanisms=list(names))


def figures(names: Sequence[str], tasks: Sequence[str] = ("copy",), label: str = "score") -> dict[str, Figure]:
    """Return a figure of each kind."""
    rows = pd.DataFrame(
        [{"mechanism": name, "task": task, "x": x} for name in names for task in tasks for x in (8, 64)]
    )
    rows = rows.assign(value=rows.index / len(rows), low=0.0, high=1.0, shown="0.50")
    once = rows.drop_duplicates(["mechanism", "task"])
    panels = {task: task for task in tasks}
    x, y = Axis("x", label, log=True), Axis("value", label)
    squares = pd.concat([once.assign(query=q, key=k) for q in (1, 2) for k in (1, 2)], ignore_index=True)
    squares = squares.assign(query_word="a → b", key_word=names[0], linked=False)
    titles = {(task, name): "layer 1, head 1" for task in tasks for name in names}
    return {
        "heat map": Heatmap("", once, label),
        "lines": Lines("", rows, x, y, panels, notes=dict.fromkeys(names, "   1.25 / 1.50"), legend_title="notes"),
        "side by side": Lines("", rows, x, y, panels, together=True),
        "scatter": Scatter("", once.drop_duplicates("mechanism"), x, y),
        "maps": Maps("", squares, label, panels, titles),
    }


def shown(drawing: Picture) -> list[tuple[str, Any]]:
    """Return the texts that are drawn, with the places that they take."""
    with themed(drawing.families):
        settle(drawing)
        drawing.draw_without_rendering()  # warnings are errors in tests
        assert not any(text.get_parse_math() for text in _texts(drawing) if "$" in text.get_text())
        return [(text.get_text(), text.get_window_extent()) for text in _texts(drawing) if text.get_text()]


def _texts(drawing: Picture) -> Iterator[Text]:
    yield from drawing.texts
    for ax in drawing.axes:
        yield from (*ax.texts, ax.title, ax._left_title)  # type: ignore[attr-defined]
        if (legend := ax.get_legend()) is not None:
            yield from (legend.get_title(), *legend.get_texts())
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            ticks = axis._update_ticks()  # type: ignore[attr-defined]
            labels = [axis.label, *(label for tick in ticks for label in (tick.label1, tick.label2))]
            yield from (label for label in labels if label.get_visible())


def assert_inside(drawing: Picture, name: str = "") -> list[tuple[str, Any]]:
    texts = shown(drawing)
    whole = drawing.bbox
    for text, box in texts:
        inside = box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1 and box.y0 >= whole.y0 - 1 and box.y1 <= whole.y1 + 1
        assert inside, (name, text, box, whole)
    return texts


@pytest.mark.parametrize("kind", list(figures(["a"])))
def test_signs_are_drawn_as_they_are_written(kind: str) -> None:
    drawing = draw(figures(SIGNS, ["copy", "a$t$c"])[kind], made_run(SIGNS))
    texts = "\n".join(text for text, _ in assert_inside(drawing)).replace("\u200e", "")
    assert all(name in texts for name in [*SIGNS, *(["a$t$c"] if kind != "scatter" else [])])
    assert drawing.missing == ""


@pytest.mark.parametrize("kind", list(figures(["a"])))
def test_long_names_are_inside_the_figure(kind: str) -> None:
    for alignments in (False, True) if kind in ("lines", "scatter") else (False,):
        drawing = draw(figures(LONG, ["t" * 80, "copy"], "l" * 80)[kind], made_run(LONG, alignments))
        texts = [text for text, _ in assert_inside(drawing, kind)]
        for name in LONG:
            assert any(name in "".join(text.split()) for text in texts), (kind, name)
        # The panels stay as large as their words let them.
        assert all(ax.get_window_extent().height > 10 for ax in drawing.axes if ax.axison)


@pytest.mark.parametrize("kind", ["heat map", "scatter"])
def test_names_of_many_mechanisms_do_not_overlap(kind: str) -> None:
    names = [f"{place}_{'long_name_' * 7}" for place in range(40)]
    texts = assert_inside(draw(figures(names)[kind], made_run(names)))
    boxes = [box for text, box in texts if "long_name" in text]
    assert len(boxes) == 40
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[place + 1 :])


def test_a_figure_that_is_too_small_is_made_larger() -> None:
    """A plug-in may give any text, such as one with many lines."""
    drawing = draw(figures(["a"], label="\n".join("label" for _ in range(60)))["heat map"], made_run(["a"]))
    drawing.axes[0].set_title("\n".join("title" for _ in range(60)))
    before = drawing.get_size_inches()[1]
    with themed():
        settle(drawing)
    assert drawing.get_size_inches()[1] > before
    assert all(ax.get_window_extent().height > 1 for ax in drawing.axes)


@pytest.fixture
def cjk_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A font with three letters, which was installed after Matplotlib had made its list."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    pen.lineTo((900, 0))
    pen.lineTo((500, 800))
    pen.closePath()
    glyphs = {".notdef": pen.glyph(), **{f"uni{ord(letter):04X}": pen.glyph() for letter in LETTERS}}
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder(list(glyphs))
    font.setupCharacterMap({ord(letter): f"uni{ord(letter):04X}" for letter in LETTERS})
    font.setupGlyf(glyphs)
    font.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Three Letters Sans", "styleName": "Regular", "psName": "ThreeLetters"})
    font.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWeightClass=500)
    font.setupPost()
    path = tmp_path / "three.ttf"
    font.save(path)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [str(path), str(tmp_path / "no_font.ttf")])
    (tmp_path / "no_font.ttf").write_text("no font")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    fonts._fonts.cache_clear()
    yield "Three Letters Sans"
    fonts._fonts.cache_clear()


def test_a_font_of_the_machine_has_the_letters_that_the_own_lacks(
    cjk_font: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [LETTERS, "lstm"]
    before = dict(mpl.rcParams)
    drawing = draw(figures(names)["heat map"], made_run(names))
    assert drawing.families == (fonts.OWN, cjk_font)
    assert drawing.missing == ""
    save(drawing, pd.DataFrame(), tmp_path / "drawn")
    assert "ThreeLetters" in (tmp_path / "drawn.svg").read_text()
    assert b"ThreeLetters" in (tmp_path / "drawn.pdf").read_bytes()
    assert dict(mpl.rcParams) == before
    assert capfd.readouterr().err == ""


def test_where_no_font_has_a_letter_a_sentence_says_so(
    no_other_font: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [LETTERS, "lstm"]
    drawing = draw(figures(names)["heat map"], made_run(names))
    save(drawing, pd.DataFrame(), tmp_path / "drawn")
    assert drawing.missing == "".join(sorted(LETTERS))
    assert fonts.told(drawing.missing).startswith("The fonts of this machine have no glyphs for 力 意 注; the figures")
    assert fonts.told("") == ""
    assert "and 5 more characters" in fonts.told("abcdefghijklmno")
    assert capfd.readouterr().err == ""


def test_what_selects_or_joins_needs_no_glyph() -> None:
    assert fonts.fonts_for("a\u200d\u200c\ufe0f\u200e \n") == fonts.Fonts((fonts.OWN,), "")
