from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from matplotlib import font_manager

from results.analysis.run import Run, read
from results.charts import fonts
from results.report.html import write_report
from tests.results.synthetic import FEW, write_run


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made-up run: nothing may write to it."""
    return write_run(tmp_path_factory.mktemp("runs") / "quick")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of the made-up run, with its report drawn: nothing may write to it."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "quick", FEW)
    write_report(folder)
    return folder


@pytest.fixture(scope="session")
def results(stored: Path) -> Run:
    return read(stored)


@pytest.fixture
def no_other_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine on which there is no font but that of the theme."""
    kept = [font for font in font_manager.fontManager.ttflist if font.name == fonts.OWN]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", kept)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [])
    fonts._fonts.cache_clear()
    yield
    fonts._fonts.cache_clear()
