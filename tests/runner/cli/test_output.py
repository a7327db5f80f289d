"""Output that cannot be shown, or not at all: no traceback, and no file in the place of a stream."""

import io
import os
import subprocess
import sys

import pytest

from runner.cli.main import main
from runner.cli.shared import LEAST_COLUMNS, MOST_COLUMNS, new_console
from tests.runner.conftest import ROOT


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("info", "additive"), 0), (("show", "cafe", "--language", "zh"), 0), (("info", "注意力\udcff"), 1)],
    ids=["info", "show", "error"],
)
def test_characters_that_the_encoding_lacks_are_replaced(monkeypatch, encoding, arguments, code):
    output, errors = io.BytesIO(), io.BytesIO()
    for name, stream in (("stdout", output), ("stderr", errors)):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=encoding, errors="strict"))
    monkeypatch.setattr(sys, "argv", ["runner", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    sys.stdout.flush()
    sys.stderr.flush()
    assert ended.value.code == code
    shown = (errors if code else output).getvalue().decode(encoding)
    assert shown
    if encoding == "ascii":
        assert "?" in shown


@pytest.mark.parametrize(
    ("columns", "width"), [("1", LEAST_COLUMNS), ("0", LEAST_COLUMNS), ("100000", MOST_COLUMNS), ("77", 77)]
)
def test_the_width_of_the_terminal_is_believed_within_reason(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert new_console().width == width


@pytest.mark.slow
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| head -1"])
def test_closed_streams_leave_no_traceback_and_no_output_in_files(tmp_path, tiny, closed):
    command = f'"$PYTHON" -m runner run "$SUITE" --out "$OUT" --device cpu --no-report {closed}'
    environment = os.environ | {"PYTHON": sys.executable, "SUITE": str(tiny()), "OUT": str(tmp_path / "runs")}
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert "Traceback" not in done.stdout + done.stderr
    assert (tmp_path / "runs" / "tiny" / "results.sqlite").read_bytes().startswith(b"SQLite format 3\x00")
