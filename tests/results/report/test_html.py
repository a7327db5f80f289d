from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from registry import UserError
from results import Measurement, Outcome, Store
from results.report.html import report_is_current, write_report
from tests.results.trials import QUANTITIES, planned

VOID = {"meta", "link", "img", "input", "br"}


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    return balance


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return (run / "report" / "report.html").read_text()


def test_it_needs_no_network(page: str) -> None:
    tags = parsed(page).tags
    assert not re.search(r"https?:|url\(|@import", page)
    for _, attributes in tags:
        for name in ("src", "href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:"))
    assert len(page) < 6_000_000


def test_it_can_be_read_aloud(page: str) -> None:
    tags = parsed(page).tags
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    assert all(attributes.get("alt") for tag, attributes in tags if tag == "img")
    assert sum(tag == "img" for tag, _ in tags) == 9
    assert "prefers-color-scheme: dark" in page


def test_it_holds_everything(page: str) -> None:
    for words in (
        "What was found",
        "come from 2 seeds",
        "Made-up CPU",
        "plugins/my_score.py",
        "3f2a9c01d4e5",
        "broken_score",
        "SyntaxError: invalid syntax",
        "torn_score",
        "SyntaxError: unterminated string literal",
        "location knows 64 positions",
        "suites/quick.yaml",
        "abc1234",
    ):
        assert words in page
    assert page.index("What was found") < page.index('id="ranking"') < page.index('id="by_length"')


def test_rows_are_sorted_by_their_numbers(page: str) -> None:
    keys = [attributes["data-key"] for tag, attributes in parsed(page).tags if "data-key" in attributes]
    shown = re.findall(r'data-key="([^"]*)"[^>]*>([^<]*)<', page)
    assert len(shown) == len(keys)
    # An interval, a unit or a word behind a number does not change what it is sorted by.
    assert any(text.startswith(f"{float(key):.2f} [") for key, text in shown if key and key[0] == "0")
    assert ("inf", "&gt; 126") in shown
    assert ("", "failed") in shown


def test_it_knows_when_it_is_stale(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "quick"
    shutil.copytree(run, folder)
    assert report_is_current(folder)
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace("abc1234", "def5678"))
    assert not report_is_current(folder)
    (folder / "manifest.json").write_text(manifest)
    assert report_is_current(folder)
    with Store(folder / "results.sqlite") as store:
        store.finish(store.trials()[0]["key"], Outcome("failed", "on second thoughts"))
    assert not report_is_current(folder)


def test_names_are_escaped(tmp_path: Path, no_other_font: None, capfd: pytest.CaptureFixture[str]) -> None:
    name = "<b>&_x"
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([planned(model, model, "copy", length=5) for model in (name, "力$\\frac$")], {}, QUANTITIES)
        for model in (name, "力$\\frac$"):
            score = Measurement("accuracy", "normalised", 0.5, at={"stage": "test", "length": 5})
            store.finish(model, Outcome("ok", measurements=(score,)))
    (tmp_path / "manifest.json").write_text(json.dumps({"name": "<script>alert(1)</script>", "plugins": None}))
    page = write_report(tmp_path).read_text()
    parsed(page)
    assert "&lt;b&gt;&amp;_x" in page
    assert name not in page
    assert "<script>alert" not in page
    assert "力$\\frac$" in page
    assert page.count("The fonts of this machine have no glyphs for 力; the figures show boxes") == 1
    assert "failed: " not in page
    assert capfd.readouterr().err == ""
    assert r"\textless{}b\textgreater{}\&\_x" in (tmp_path / "report" / "tables" / "ranking.tex").read_text()


def test_files_of_an_earlier_report_do_not_stay(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([planned("a", "gru", "copy", length=5)], {}, QUANTITIES)
        store.finish("a", Outcome("failed", "RuntimeError: no"))
    write_report(tmp_path)
    tables = tmp_path / "report" / "tables"
    assert (tables / "outcomes.csv").is_file()
    (tables / "notes.txt").write_text("of a person")
    with Store(tmp_path / "results.sqlite") as store:
        store.finish("a", Outcome("ok"))
    write_report(tmp_path)
    assert not list(tables.glob("outcomes.*"))
    assert (tables / "notes.txt").is_file()


def test_a_run_without_anything(tmp_path: Path) -> None:
    Store(tmp_path / "results.sqlite").close()
    assert not report_is_current(tmp_path)
    page = write_report(tmp_path).read_text()
    parsed(page)
    assert "no sentence that these results support" in page
    assert report_is_current(tmp_path)


def test_a_run_of_which_everything_failed(tmp_path: Path) -> None:
    with Store(tmp_path / "results.sqlite") as store:
        store.plan(
            [
                planned("a", "lstm", "copy", length=5, rate=0.1),
                planned("b", "lstm", probes=["throughput"]),
                planned("c", "gru", "copy", length=5, rate=0.1),
            ]
        )
        store.finish("a", Outcome("failed", "RuntimeError: no"))
        store.finish("b", Outcome("oom", "more than 4 GB"))
    page = write_report(tmp_path).read_text()
    parsed(page)
    assert "RuntimeError: no" in page
    assert "not run yet" in page


def test_a_broken_manifest_does_not_matter(tmp_path: Path) -> None:
    Store(tmp_path / "results.sqlite").close()
    (tmp_path / "manifest.json").write_text('{"name": ')
    assert write_report(tmp_path).is_file()


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run"):
        write_report(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
