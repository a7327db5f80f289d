from __future__ import annotations

from itertools import product

import pandas as pd
import pytest

from results.analysis.run import Run
from results.charts.lines import MOST_LINES, grid
from results.charts.looks import looks
from results.views import Axis, Lines


def test_a_mechanism_has_the_same_look_everywhere(results: Run) -> None:
    found = looks(results.all_trials)
    assert found["transformer(dot)"] == found["rnn_attention(dot)"]
    in_the_host = {look.colour for name, look in found.items() if name.startswith("rnn_attention")}
    assert len(in_the_host) == 7


def of(names: dict[str, tuple[str, str | None]]) -> pd.DataFrame:
    """Return planned trials: a model and an alignment for each label."""
    rows = [
        {"mechanism": label, "variant": label, "model": model, "mechanism.alignment": alignment}
        for label, (model, alignment) in names.items()
    ]
    return pd.DataFrame(rows)


MANY = {
    "one host, one alignment, seven sizes": {f"layers={n}": ("transformer", "dot") for n in range(7)},
    "ten plug-ins": {f"mine_{n}": ("rnn_attention", f"mine_{n}") for n in range(10)},
    "forty mechanisms": {f"{host}(a{n})": (host, f"a{n}") for host, n in product(("h1", "h2"), range(20))},
    "a hundred models": {f"model_{n}": (f"model_{n}", None) for n in range(100)},
}


@pytest.mark.parametrize("names", MANY.values(), ids=MANY)
def test_no_two_lines_of_a_panel_look_alike(names: dict[str, tuple[str, str | None]]) -> None:
    trials = of(names)
    rows = [{"mechanism": name, "task": "copy", "x": x, "y": x} for name in names for x in (1.0, 2.0)]
    run = Run("many", trials, trials, trials, trials)
    lines = Lines("", pd.DataFrame(rows), Axis("x", "x"), Axis("y", "y"), {"copy": "copy"})
    _, panels = grid(lines, run)
    drawn = 0
    for ax in panels.values():
        styles = {(line.get_color(), str(line.get_linestyle()), line._unscaled_dash_pattern) for line in ax.lines}  # type: ignore[attr-defined]
        assert len(styles) == len(ax.lines) <= MOST_LINES
        drawn += len(ax.lines)
    assert drawn == len(names)


def test_families_in_one_panel_look_different() -> None:
    trials = of({f"{host}({name})": (host, name) for host in ("h1", "h2") for name in ("dot", "cosine")})
    trials["variant"] = trials["mechanism.alignment"]
    found = looks(trials, by_family=True)
    assert found["h1(dot)"].colour == found["h2(dot)"].colour
    assert len({(look.colour, str(look.dashes)) for look in found.values()}) == 4
