"""Texts in figures: their widths, and how they are broken into lines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from results.charts.theme import power, themed
from results.charts.words import beside, inches, lines, wrap

SIZE, WIDE = 9.0, 2.0


@pytest.fixture(autouse=True)
def _theme() -> Iterator[None]:
    with themed():
        yield


@pytest.mark.parametrize("text", ["lstm", "W" * 80, "a$b$c", "il" * 30, "one\nlonger line", "שלום"])
def test_a_text_is_as_wide_as_matplotlib_draws_it(text: str) -> None:
    figure = Figure(dpi=400)
    FigureCanvasAgg(figure)
    drawn = figure.text(0, 0, text, fontsize=SIZE).get_window_extent().width / 400
    assert inches(text, SIZE) == pytest.approx(drawn, rel=0.015, abs=0.02)


@pytest.mark.parametrize(
    "text", ["a" * 40, "W" * 20, "a_longer_name_with_so_many_parts", "one two three four five six sevenths"]
)
def test_no_letter_is_lost_and_every_line_fits(text: str) -> None:
    broken = wrap(text, WIDE, SIZE)
    assert "".join(broken.split()) == "".join(text.split())
    assert all(inches(line, SIZE) <= WIDE for line in broken.split("\n"))
    assert lines(broken) == 2


def test_a_short_text_stays_as_it_is() -> None:
    assert wrap("lstm", WIDE, SIZE) == "lstm"
    assert wrap("", WIDE, SIZE) == ""


def test_lines_end_behind_the_parts_of_a_name() -> None:
    assert wrap("additive_attention(heads=4, width=64)", 1.3, SIZE).split("\n") == [
        "additive_attention(",
        "heads=4, width=64)",
    ]


def test_of_a_text_that_is_too_long_beginning_and_end_are_kept() -> None:
    one, two = (wrap("a_name_" * 60 + end, WIDE, SIZE, 3) for end in ("one", "two"))
    assert one != two
    assert lines(one) == 3
    assert one.startswith("a_name_")
    assert one.split("\n")[-1].startswith("…")
    assert one.endswith("one")
    assert wrap("word" * 60, WIDE, SIZE, 1).endswith("…")
    assert inches(wrap("word" * 60, WIDE, SIZE, 1), SIZE) <= WIDE


def test_marks_stay_with_their_letters() -> None:
    text = "e\u0301" * 60
    assert all(not line.startswith("\u0301") for line in wrap(text, WIDE, SIZE).split("\n"))
    assert wrap(text, WIDE, SIZE).replace("\n", "") == text


def test_what_cannot_be_seen_is_written() -> None:
    assert wrap("a\tb\ud800", WIDE, SIZE) == "a\\tb\\ud800"


def test_a_note_stands_behind_a_name_in_any_script() -> None:
    assert beside("lstm", " 1.2 / 1.3") == "lstm 1.2 / 1.3"
    assert beside("שלום", "") == "שלום"
    # In a line that begins with the mark, the order of words is from left to right (rules P2 and P3 of UAX 9).
    marked = beside("שלום\nשלום", " 1.2 / 1.3")
    assert marked == "\u200eשלום\n\u200eשלום\u200e 1.2 / 1.3"
    assert inches(marked, SIZE) == pytest.approx(inches("שלום 1.2 / 1.3", SIZE), abs=0.01)


def test_powers_of_ten_are_no_formulas() -> None:
    assert power(1e-5) == "10⁻⁵"
    assert power(2e13) == "2×10¹³"
