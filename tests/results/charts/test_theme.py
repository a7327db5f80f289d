from __future__ import annotations

from results.analysis.run import Results
from results.charts.theme import Style, styles, told_apart


def test_a_mechanism_looks_the_same_everywhere(results: Results) -> None:
    looks = styles(results.all_trials)
    assert looks["transformer(dot)"].colour == looks["rnn_attention(dot)"].colour
    assert looks["transformer(dot)"].marker != looks["rnn_attention(dot)"].marker
    assert looks == styles(results.all_trials.iloc[::-1])
    in_the_host = {look.colour for name, look in looks.items() if name.startswith("rnn_attention")}
    assert len(in_the_host) == 7


def test_what_stands_in_one_panel_looks_different_without_its_marker() -> None:
    looks = {
        "a": Style("red", "o", ""),
        "b": Style("red", "s", ""),
        "c": Style("red", "x", (2, 1)),
        "d": Style("blue", "o", ""),
    }
    apart = told_apart(looks, list("abcd"))
    assert len({(look.colour, look.dash) for look in apart.values()}) == 4
    assert [look.colour for look in apart.values()] == [look.colour for look in looks.values()]
    assert apart["a"] == looks["a"]
    assert apart["d"] == looks["d"]
