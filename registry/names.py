"""Names that people give: which of them are accepted, and how characters that cannot be seen are written."""

from __future__ import annotations

import unicodedata

LONGEST = 80
LONGEST_FILE = 200  # bytes: a file name has at most 255, with its ending and what a temporary file adds
# Scripts such as Devanagari and Arabic need these two to write words, and pictures are put together with them.
JOINERS = "\u200c\u200d"
HIDDEN = {
    "Cc": "a control character",
    "Cf": "a character that is not shown",
    "Cs": "half of a character",
    "Zl": "a line break",
    "Zp": "a line break",
}
"""What the characters of a category of Unicode are, where they cannot be seen in a table or break its lines."""

FORMULA = "=+-@"
"""With these a spreadsheet begins a formula."""

WORDS = ("plugins",)
"""In a suite this word is for all plug-ins of a kind."""

IN_FILES = "._-"
DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
"""Windows opens a device in place of a file that is called so, whatever its ending."""


def problem(name: object, *, of_files: bool = False) -> str | None:
    """Return why a name is not accepted, as the end of a sentence that begins with it, or None.

    With `of_files`, files are called so.
    """
    if not isinstance(name, str):
        return f"is no text, but of the type {type(name).__name__}"
    if not name.strip().strip(JOINERS):
        return "is empty"
    if len(name) > LONGEST:
        return f"has {len(name)} letters; at most {LONGEST} were expected"
    for character in name:
        if is_hidden(character):
            return f"contains U+{ord(character):04X}, {HIDDEN[unicodedata.category(character)]}"
    if name != name.strip():
        return "begins or ends with a space"
    if name in WORDS:
        return "is a word that suites use for something else; choose another name"
    if name[0] in FORMULA:
        return f"begins with '{name[0]}', as a formula in a spreadsheet does; begin with a letter"
    return _problem_of_file(name) if of_files else None


def _problem_of_file(name: str) -> str | None:
    for character in name:
        if not (character in IN_FILES or unicodedata.category(character)[0] in "LMN"):
            return f"contains {character!r}, but files are called so; letters, digits and . _ - were expected"
    if not name[0].isalnum() or name.endswith("."):
        return "does not begin with a letter or digit, or ends with a dot, but files are called so"
    if name.split(".")[0].casefold() in DEVICES:
        return "is the name of a device in Windows, but files are called so; choose another name"
    if len(name.encode()) > LONGEST_FILE:
        return f"has {len(name.encode())} bytes in UTF-8, but files are called so; at most {LONGEST_FILE} were expected"
    return None


def is_hidden(character: str) -> bool:
    """Return whether a character is not seen, or ends a line. A space, and what joins letters, is seen."""
    return unicodedata.category(character) in HIDDEN and character not in JOINERS


def visible(text: str) -> str:
    """Return a text as one line in which every character is seen: a line break is written as \\n."""
    if text.isprintable():
        return text
    return "".join(repr(character)[1:-1] if is_hidden(character) else character for character in text)
