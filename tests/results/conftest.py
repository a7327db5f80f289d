from __future__ import annotations

from pathlib import Path

import pytest

from results.analysis.run import Run, read
from results.report.html import write_report
from tests.results.synthetic import write_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up run, with its report drawn: nothing may write to it."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "quick")
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def results(run: Path) -> Run:
    return read(run)
