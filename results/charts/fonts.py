"""The fonts of a figure: that of the theme, and for characters that it lacks other fonts of this machine."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties

OWN = "DejaVu Sans"
MOST_TOLD = 10  # characters in a sentence
NO_LETTERS = ("lastresort", "adobeblank")
"""Begin the names of fonts that have a box, or nothing, for every character."""


class Fonts(NamedTuple):
    """The families with which a text is drawn, in order, and the characters that none of them has."""

    families: tuple[str, ...]
    missing: str


def fonts_for(text: str) -> Fonts:
    """Return the fonts for a text; the same text has the same fonts on the same machine."""
    with quiet():
        return _fonts(frozenset(filter(_needs_glyph, text)))


@contextmanager
def quiet() -> Iterator[None]:
    """Return the context in which Matplotlib does not say that a family has only light or only medium letters."""
    log = logging.getLogger("matplotlib.font_manager")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def told(missing: str) -> str:
    """Return what a report says of characters without a glyph, "" where there are none."""
    if not missing:
        return ""
    names = " ".join(missing[:MOST_TOLD])
    more = f" and {len(missing) - MOST_TOLD} more characters" if len(missing) > MOST_TOLD else ""
    return (
        f"The fonts of this machine have no glyphs for {names}{more}; the figures show boxes, and the tables are "
        "complete. Install a font that has them, and make the report again."
    )


def _needs_glyph(character: str) -> bool:
    selects = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"  # a form of a character
    return not (character.isspace() or selects or unicodedata.category(character) in ("Cc", "Cf", "Cs"))


@cache
def _fonts(characters: frozenset[str]) -> Fonts:
    lacking = characters - _covered(OWN, characters)
    families = [OWN]
    for look in (_known, _new) if lacking else ():
        found = {family: _covered(family, lacking) for family in look()}
        # Each time the family with most of what is lacking; of equal ones the first.
        while lacking and found:
            best = max(found, key=lambda family: len(found[family] & lacking))
            if not found[best] & lacking:
                break
            families.append(best)
            lacking = lacking - found.pop(best)
    return Fonts(tuple(families), "".join(sorted(lacking)))


def _known() -> list[str]:
    """Return the families that Matplotlib has listed, those without serifs first.

    Fonts for Chinese, Japanese and Korean have the same characters in different forms; that for simplified Chinese
    (SC) is the first of them.
    """
    names = {font.name for font in font_manager.fontManager.ttflist} - {OWN}
    kept = [name for name in names if not name.replace(" ", "").lower().lstrip(".").startswith(NO_LETTERS)]
    return sorted(kept, key=lambda name: ("Sans" not in name, not name.endswith(" SC"), name))


def _new() -> list[str]:
    """Return the families of fonts that were installed after Matplotlib had made its list."""
    before = set(_known())
    files = {font.fname for font in font_manager.fontManager.ttflist}
    for path in sorted(set(font_manager.findSystemFonts()) - files):
        try:
            font_manager.fontManager.addfont(path)
        except Exception:
            continue  # FreeType cannot read it, or it has pictures in place of outlines
    return [name for name in _known() if name not in before]


def _covered(family: str, characters: frozenset[str]) -> frozenset[str]:
    """Return those of the characters for which a family has a glyph."""
    try:
        path = font_manager.findfont(FontProperties(family=[family]), fallback_to_default=False)
        glyphs = font_manager.get_font(path).get_charmap()
    except Exception:
        return frozenset()  # its file is gone, or is no font
    return frozenset(character for character in characters if ord(character) in glyphs)
