from __future__ import annotations

import io
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console

from results.analysis.run import Run, read
from results.report.contents import contents
from results.report.terminal import show
from tests.results.sentences import made_up
from tests.results.synthetic import write_run


def printed(results: Run, **settings: object) -> str:
    out = io.StringIO()
    show(contents(results), Console(file=out, **settings))  # type: ignore[arg-type]
    return out.getvalue()


def test_the_terminal_fits(results: Run) -> None:
    piped = printed(results)
    assert "\x1b" not in piped
    assert max(len(line) for line in piped.splitlines()) <= 100
    assert "…" not in piped
    narrow = printed(results, force_terminal=True, width=60, color_system=None)
    assert max(len(line) for line in narrow.splitlines()) <= 60
    assert "rnn_attention(scaled_dot)" in narrow


def test_markup_in_a_name_is_text_and_wide_letters_count_twice(tmp_path: Path) -> None:
    wide = "注意力" * 10
    write_run(tmp_path, [("[red]x", None), (wide, None)], seeds=1)
    found = printed(read(tmp_path))
    assert "[red]x" in found
    assert f" {wide} " in found
    table = found.partition("\n- ")[0]
    assert max(map(cell_len, table.splitlines())) <= 100
    assert "…" not in table


def test_a_name_that_is_too_long_leaves_the_numbers_whole(tmp_path: Path) -> None:
    name = "n" * 95
    write_run(tmp_path, [(name, None)], seeds=1)
    first, *lines = printed(read(tmp_path)).partition("\n- ")[0].splitlines()
    assert first.split() == ["rank", "mechanism", "score"]
    assert "".join(lines).count("n") == 95
    assert lines[0].split()[0] == "1"
    assert lines[0].split()[-1].startswith("0.6")


def test_marks_are_explained_where_they_stand(tmp_path: Path) -> None:
    scores = {"gru": [0.9, 0.92], "rnn": [0.3, 0.7]}
    marked = printed(made_up(tmp_path / "a", scores, shortcuts={"bag": 0.5}))
    assert "0.50†" in marked
    assert "† not above what a simple reader" in marked
    assert "†" not in printed(made_up(tmp_path / "b", scores, shortcuts={"bag": 0.4}))
