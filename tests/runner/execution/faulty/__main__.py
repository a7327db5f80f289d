"""Writes the table of faulty plug-ins into docs/reliability.md."""

from pathlib import Path

from . import table

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reliability.md"
BEGIN, END = "<!-- faulty plug-ins: begin -->\n", "<!-- faulty plug-ins: end -->\n"

if __name__ == "__main__":
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(before + BEGIN + table() + END + rest.split(END)[1], encoding="utf-8")
