from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from results.analysis.run import Run
from results.report.contents import contents
from results.report.writers import escape
from results.store.markdown import markdown


def test_files_hold_what_is_shown(run: Path, results: Run) -> None:
    folder = run / "report" / "tables"
    tables = {section.name: section.table for section in contents(results).sections if section.table is not None}
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
