from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from results import read
from results.report.html import write_report
from results.report.provenance import provenance
from results.report.writers import save
from results.store.files import write_csv
from results.views import Column, Table
from tests.results.synthetic import MANIFEST, write_run


def test_every_file_says_where_its_numbers_come_from(run: Path) -> None:
    """The digest is that of trials.csv, as sha256sum prints it."""
    digest = hashlib.sha256((run / "report" / "trials.csv").read_bytes()).hexdigest()
    trials = pd.read_csv(run / "report" / "trials.csv")
    versions = ", ".join(f"{name} {MANIFEST['environment'][name]}" for name in ("python", "torch"))
    lines = [
        f"suite: {MANIFEST['name']}",
        f"commit: {MANIFEST['commit']}",
        f"versions: {versions}",
        f"trials: {len(trials)}, listed in trials.csv (sha256 {digest})",
    ]
    for path in [*run.glob("report/figures/*.csv"), *run.glob("report/tables/*.csv")]:
        assert path.read_text().splitlines()[:4] == [f"# {line}" for line in lines], path.name
    for path in run.glob("report/tables/*.md"):
        assert path.read_text().splitlines()[:6] == ["<!--", *lines, "-->"], path.name
    for path in run.glob("report/tables/*.tex"):
        assert path.read_text().splitlines()[:4] == [f"% {line}" for line in lines], path.name
    # A PDF escapes brackets and may break a long text.
    marks = {"svg": digest, "png": digest, "pdf": f"suite: {MANIFEST['name']}; commit: {MANIFEST['commit']}"}
    for kind, mark in marks.items():
        for path in run.glob(f"report/figures/*.{kind}"):
            assert mark.encode() in path.read_bytes(), path.name


def test_the_trials_are_those_that_ended(run: Path) -> None:
    """A skipped trial has ended: the report shows it."""
    trials = pd.read_csv(run / "report" / "trials.csv")
    known = read(run).all_trials
    assert list(trials["trial"]) == list(known.loc[known["outcome"].notna(), "trial"])
    assert {"mechanism", "task", "seed", "learning_rate", "plugins", "outcome"} <= set(trials)
    assert {"ok", "skipped", "diverged"} <= set(trials["outcome"])


def test_another_trial_gives_another_digest(tmp_path: Path) -> None:
    """One mechanism more: the numbers are from other trials."""
    one = write_run(tmp_path / "one", [("lstm", None)])
    two = write_run(tmp_path / "two", [("lstm", None), ("gru", None)])
    assert provenance(read(one))[:3] == provenance(read(two))[:3]
    assert provenance(read(one))[3] != provenance(read(two))[3]


@pytest.mark.slow  # three whole reports
@pytest.mark.parametrize("manifest", [None, "[]", json.dumps({"environment": "a\nlaptop", "commit": None})])
def test_without_a_manifest_it_says_unknown(tmp_path: Path, manifest: str | None) -> None:
    folder = write_run(tmp_path / "mine", [("lstm", None)], seeds=1, manifest=False)
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    table = write_report(folder).parent / "tables" / "outcomes.csv"
    assert table.read_text().splitlines()[:3] == ["# suite: mine", "# commit: unknown", "# versions: unknown"]


def test_a_label_with_the_sign_of_comments_is_read_whole(tmp_path: Path) -> None:
    rows = pd.DataFrame({"mechanism": ["lstm #2", "gru"], "value": [0.5, None], "words": ["", 'said "so"']})
    write_csv(tmp_path / "rows.csv", rows, ['suite: "odd'])
    found = pd.read_csv(tmp_path / "rows.csv", comment="#").fillna({"words": ""})
    pd.testing.assert_frame_equal(found, rows)


def test_a_comment_in_markdown_cannot_be_ended_from_inside(tmp_path: Path) -> None:
    rows = pd.DataFrame({"value": [1.0]})
    save("x", "X", Table("", [Column.of("value", rows, "value")], rows), tmp_path, ["suite: a --> b"])
    assert (tmp_path / "x.md").read_text().count("-->") == 1
