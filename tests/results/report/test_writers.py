from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from results.analysis.run import Results
from results.report.contents import tables
from results.report.writers import escape, markdown


def test_files_hold_what_is_shown(run: Path, results: Results) -> None:
    folder = run / "report" / "tables"
    for table in tables(results):
        pd.testing.assert_frame_equal(
            pd.read_csv(folder / f"{table.name}.csv"), pd.read_csv(io.StringIO(table.numbers.to_csv(index=False)))
        )
        assert (folder / f"{table.name}.md").read_text().count("\n") == len(table.text) + 2
        latex = (folder / f"{table.name}.tex").read_text()
        assert latex.count(r" \\") == len(table.text) + 1
        assert r"\toprule" in latex


def test_escapes() -> None:
    assert escape("<b>&_x") == r"\textless{}b\textgreater{}\&\_x"
    assert escape("50 % [1] ~^\\{}#$") == (r"50 \% {[}1{]} \textasciitilde{}\textasciicircum{}\textbackslash{}\{\}\#\$")
    assert markdown(pd.DataFrame({"a|b": ["<b>&_x"]})) == "| a\\|b |\n| --- |\n| \\<b\\>&\\_x |\n"
