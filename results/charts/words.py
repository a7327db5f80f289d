"""Texts in figures: how wide they are as drawn, and how a long one is broken into lines."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from registry.names import JOINERS, visible

MOST_LINES = 4
SPACING = 1.25  # of lines, in their size
LEFT_TO_RIGHT = "\u200e"
BREAKS = " _-/,;:.=|·("
"""A line may end behind one of these; within a word only where a word alone is too wide."""


def inches(text: str, size: float) -> float:
    """Return the width of a text in the fonts of the theme, that of its widest line; `size` is in points."""
    families = tuple(mpl.rcParams["font.family"])
    return max(_inches(line, size, families) for line in text.split("\n"))


def widest(texts: Iterable[str], size: float) -> float:
    """Return the width of the widest text, 0 where there is none."""
    return max((inches(text, size) for text in texts), default=0.0)


def lines(text: str) -> int:
    return text.count("\n") + 1


def further(texts: Iterable[str], size: float) -> float:
    """Return the inches that the lines of the longest text need beyond its first."""
    return SPACING * size / 72 * (max(map(lines, texts), default=1) - 1)


def beside(name: str, note: str) -> str:
    """Return a text with a note behind it, also where the text is written from right to left."""
    if not note or not any(unicodedata.bidirectional(character) in ("R", "AL") for character in name):
        return name + note
    # Without a mark at the start of each line, and before the note, the numbers of the note would change places.
    return LEFT_TO_RIGHT + name.replace("\n", f"\n{LEFT_TO_RIGHT}") + LEFT_TO_RIGHT + note


def wrap(text: str, wide: float, size: float, most: int = MOST_LINES) -> str:
    """Return a text in lines of at most `wide` inches, and in at most `most` lines.

    Of a text with more lines the beginning and the end are kept, with "…" between them. What cannot be seen is written
    as in "\\n".
    """
    return _wrapped(visible(text), wide, size, most, tuple(mpl.rcParams["font.family"]))


@lru_cache(maxsize=4096)
def _wrapped(text: str, wide: float, size: float, most: int, families: tuple[str, ...]) -> str:
    def fits(line: str) -> bool:
        return _inches(line.rstrip(), size, families) <= wide

    made = _broken(text, fits)
    if len(made) > most:
        made = [*made[: most - 1], _shortened(text, "".join(made[: most - 1]), fits)]
    return "\n".join(line.strip() for line in made)


def _broken(text: str, fits: Callable[[str], bool]) -> list[str]:
    made = [""]
    for word in _words(text):
        if fits(made[-1] + word):
            made[-1] += word
            continue
        made.append("")
        for letter in _letters(word):
            if made[-1] and not fits(made[-1] + letter):
                made.append("")
            made[-1] += letter
    return [line for line in made if line]


def _shortened(text: str, before: str, fits: Callable[[str], bool]) -> str:
    """Return the last line of a text of which `before` is in the lines above: its end, or its beginning if alone."""
    letters = list(_letters(text[len(before) :]))
    kept = ""
    for letter in reversed(letters) if before else letters:
        longer = letter + kept if before else kept + letter
        if not fits(f"…{longer}"):
            break
        kept = longer
    return f"…{kept}" if before else f"{kept}…"


def _words(text: str) -> Iterator[str]:
    start = 0
    for place, character in enumerate(text, start=1):
        if character in BREAKS:
            yield text[start:place]
            start = place
    yield text[start:]


def _letters(text: str) -> Iterator[str]:
    """Yield letters with the marks that stand over and under them, and what joiners join."""
    letter = ""
    for character in text:
        joined = character in JOINERS or letter[-1:] in JOINERS or unicodedata.category(character) in ("Mn", "Mc", "Me")
        if letter and not joined and not "\U0001f3fb" <= character <= "\U0001f3ff":  # a colour of skin
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


@lru_cache(maxsize=16384)
def _inches(line: str, size: float, families: tuple[str, ...]) -> float:
    if not line:
        return 0.0
    properties = FontProperties(family=list(families), size=size)
    wide, _, _ = text_to_path.get_text_width_height_descent(line, properties, ismath=False)
    return float(wide) / 72
