"""Which names are accepted, and how what cannot be seen is written."""

from __future__ import annotations

import pytest

from registry import Registry
from registry.errors import shorten, written
from registry.names import problem, visible

ACCEPTED = [
    "lstm",
    "a b",
    "注意力",
    "力" * 80,
    "मैक्स",  # with marks over and under the letters
    "क्\u200dष",  # with a joiner
    "נוסחה",
    "نموذج",
    "👩\u200d🔬",
    "a$b$c",
    "$\\frac$",
    "<b>&x",
    "[red]",
    "x/y",
    "_x",
    "e\u0301",
]
REFUSED = {
    "": "is empty",
    "  ": "is empty",
    "\u200d": "is empty",
    "x" * 81: "has 81 letters; at most 80 were expected",
    "a\nb": "contains U+000A, a control character",
    "a\tb": "contains U+0009, a control character",
    "a\x1b[31m": "contains U+001B, a control character",
    "a\u202eb": "contains U+202E, a character that is not shown",
    "a\u200bb": "contains U+200B, a character that is not shown",
    "a\u2028b": "contains U+2028, a line break",
    "\ud800": "contains U+D800, half of a character",
    " a": "begins or ends with a space",
    "a\u3000": "begins or ends with a space",
    "plugins": "is a word that suites use for something else",
    "=1+1": "begins with '='",
    "-x": "begins with '-'",
    "+x": "begins with '+'",
    "@x": "begins with '@'",
}
NO_FILES = {
    "a/b": "contains '/'",
    "a\\b": "contains '\\\\'",
    "a b": "contains ' '",
    "a:b": "contains ':'",
    "$x": "contains '$'",
    "..": "does not begin with a letter or digit",
    ".a": "does not begin with a letter or digit",
    "a.": "ends with a dot",
    "CON": "is the name of a device in Windows",
    "nul.x": "is the name of a device in Windows",
    "😀": "contains '😀'",
    "𝒜" * 60: "has 240 bytes in UTF-8",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_names_in_any_script_are_accepted(name: str) -> None:
    assert problem(name) is None


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_a_sentence_says_why_a_name_is_not_accepted(name: str) -> None:
    registry: Registry[object] = Registry("thing", None)
    with pytest.raises(ValueError, match="the thing name ") as raised:
        registry.register(name)(type("Thing", (), {}))
    assert REFUSED[name] in str(raised.value)
    assert str(raised.value).isprintable()
    assert list(registry) == []


def test_a_name_is_a_text() -> None:
    assert problem(3) == "is no text, but of the type int"
    assert problem(None) == "is no text, but of the type NoneType"


@pytest.mark.parametrize("name", NO_FILES, ids=ascii)
def test_files_can_be_called_as_views_are(name: str) -> None:
    assert problem(name) is None
    assert NO_FILES[name] in str(problem(name, of_files=True))


@pytest.mark.parametrize("name", ["ranking", "by_length", "v2.1", "注意力", "मैक्स", "console"])
def test_what_files_can_be_called(name: str) -> None:
    assert problem(name, of_files=True) is None


def test_files_that_differ_in_capital_letters_only_would_replace_one_another() -> None:
    registry: Registry[object] = Registry("picture", None, of_files=True)
    registry.register("ranking")(type("One", (), {}))
    with pytest.raises(ValueError, match="the picture name 'Ranking' differs from 'ranking' in capital letters only"):
        registry.register("Ranking")(type("Two", (), {}))


def test_a_plugin_cannot_take_the_file_of_a_built_in_view() -> None:
    from results.views import VIEWS

    with pytest.raises(ValueError, match="differs from 'ranking' in capital letters only"):
        VIEWS.register("RANKING")(type("Mine", (), {}))


def test_what_cannot_be_seen_is_written() -> None:
    assert visible("a\nb\u202e\ud800") == "a\\nb\\u202e\\ud800"
    assert visible("注意力 👩\u200d🔬") == "注意力 👩\u200d🔬"
    assert shorten("a\x1b[31m") == "a\\x1b[31m"
    assert written("a\nb") == "'a\\nb'"
