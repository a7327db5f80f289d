"""Values in messages are written as in a suite file, and never at length."""

import pytest

from registry.errors import LONGEST, shorten, written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (None, "null"),
        (1.5, "1.5"),
        ("word", "'word'"),
        ("two\nlines", r"'two\nlines'"),
        ([1, None, "a"], "[1, null, 'a']"),
        ((1, False), "[1, false]"),
        ({"location": {"max_length": 5}}, "{location: {max_length: 5}}"),
        ({"a b": 1, 2: 3}, "{'a b': 1, 2: 3}"),
        ([[[[1]]]], "[[[[…]]]]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, …]"),
    ],
)
def test_values(value, text):
    assert written(value) == text


def test_what_is_long_is_shortened():
    assert len(written("a" * 10_000)) == LONGEST
    assert len(written({f"key{number}": "value" for number in range(1000)})) == LONGEST
    assert shorten("abcdef", 4) == "abc…"
    assert shorten("abcd", 4) == "abcd"


def test_a_value_of_exponential_size_is_written_at_once():
    value: list[object] = []
    for _ in range(100):
        value = [value] * 10
    assert written(value).endswith("…")
