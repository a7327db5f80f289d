from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from results.analysis.run import read
from results.report.contents import contents
from results.report.writers import escape, latex
from results.store.files import csv_text, write_text
from results.store.markdown import markdown
from results.views import Column, Table


def test_files_hold_what_is_shown(run: Path) -> None:
    folder = run / "report" / "tables"
    tables = {section.name: section.table for section in contents(read(run)).sections if section.table is not None}
    assert {"ranking", "by_length", "throughput", "memory", "gradient_flow", "learning", "outcomes"} <= set(tables)
    for name, table in tables.items():
        pd.testing.assert_frame_equal(
            pd.read_csv(folder / f"{name}.csv", comment="#"),
            pd.read_csv(io.StringIO(table.numbers.to_csv(index=False))),
        )
        assert (folder / f"{name}.md").read_text().count("\n| ") == len(table) + 2
        latex = (folder / f"{name}.tex").read_text()
        assert latex.count(r" \\") == len(table) + 1
        assert r"\toprule" in latex


def test_escapes() -> None:
    assert escape("<b>&_x") == r"\textless{}b\textgreater{}\&\_x"
    assert escape("50 % [1] ~^\\{}#$") == (r"50 \% {[}1{]} \textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\#\$")
    assert escape("0.50†") == r"0.50\textdagger{}"
    assert markdown(["a|b"], [["<b>&_x"]]) == "| a\\|b |\n| --- |\n| \\<b\\>&\\_x |\n"
    assert escape("a--b – `c`") == r"a-{}-b -- \textasciigrave{}c\textasciigrave{}"


NAMES = [
    "a|b",
    "*a* _b_ ~~c~~ `d`",
    "a$b$c",
    "<b>&lt;&#65;",
    "[a](b) [c][d] ![e](f)",
    ":cat: 1:2:3",
    "\\n \\_",
    "'q' \"r\", s",
    "50%^2#{x}",
    "注意力 שלום é̂",
]


@pytest.mark.parametrize("name", NAMES)
def test_another_reader_of_markdown_and_of_csv_finds_the_name(name: str) -> None:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = parser.parse(markdown(["mechanism", "score"], [[name, "0.5"]]))
    cells = [token.children or [] for token in tokens if token.type == "inline"]
    assert [{child.type for child in cell} <= {"text", "text_special", "entity"} for cell in cells] == [True] * 4
    assert "".join(child.content for child in cells[2]) == name
    rows = pd.DataFrame({"mechanism": [name], "value": [0.5]})
    assert list(csv.reader(io.StringIO(csv_text(rows)))) == [["mechanism", "value"], [name, "0.5"]]
    assert pd.read_csv(io.StringIO(csv_text(rows)), comment="#")["mechanism"].to_list() == [name]


def test_dollar_signs_are_no_formula_and_colons_no_picture_where_markdown_has_them() -> None:
    """As on GitHub, for which there is no other reader here."""
    assert markdown(["a$b$"], []).startswith("| a\\$b\\$ |")
    assert not re.search(r"(?<!\\):\w+:", markdown([":cat:"], []))


def test_a_star_at_the_start_of_a_row_is_not_of_the_row_above() -> None:
    rows = pd.DataFrame({"name": ["*a", "b"]})
    made = latex("view", "View", Table("Caption.", [Column.of("name", rows, "name")], rows))
    assert "    {}*a \\\\\n    b \\\\\n" in made


def test_half_of_a_character_in_a_message_is_written_as_it_would_be_typed(tmp_path: Path) -> None:
    write_text(tmp_path / "file.md", "力 \ud800")
    assert (tmp_path / "file.md").read_bytes().decode() == "力 \\ud800"
