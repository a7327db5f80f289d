"""A clone, one file for each kind of plug-in made by `new`, edited, checked and run: all are in the report."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runner.plugins import REGISTRIES, ROOT
from tests.runner.conftest import forget

# What a person would change in the file that `new` makes: the text, and what takes its place.
EDITS = {
    "alignment": ("/ query.shape[-1] ** 0.5", "/ (2 * query.shape[-1]) ** 0.5"),
    "normalizer": ("1e-9", "1e-8"),
    "position": None,
    "model": ("state / 2", "state / 3"),
    "task": ("symbols: int = 8", "symbols: int = 6"),
    "probe": None,
    "view": ('title = "MyView"', 'title = "What my view shows"'),
}
SUITE = """\
name: every_kind
seeds: 1
mechanisms:
  - transformer: {layers: 1, heads: 2, alignment: my_alignment, normalizer: my_normalizer, position: my_position}
  - my_model
tasks: [my_task: {length: 5}]
train: {width: 8, batch: 8, steps: 6, evaluate_every: 3, validation_examples: 16, test_examples: 16}
probes: [accuracy, my_probe]
limits: {seconds: 60, memory: 3GB}
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The working tree as a clone would be: tracked files and those that are new."""
    folder = tmp_path / "attention-bench"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    _git(folder, "init", "--quiet")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "a clone")
    return folder


@pytest.mark.slow
def test_one_file_adds_one_of_each_kind(clone: Path, tmp_path: Path) -> None:
    assert set(EDITS) == set(REGISTRIES)
    for kind, edit in EDITS.items():
        _bench(clone, "new", kind, f"my_{kind}")
        path = clone / "plugins" / f"my_{kind}.py"
        if edit is not None:
            text = path.read_text()
            assert edit[0] in text, kind
            path.write_text(text.replace(*edit))
    for kind in EDITS:
        assert "All checks passed." in _bench(clone, "check", f"my_{kind}")
    suite = tmp_path / "every_kind.yaml"
    suite.write_text(SUITE)
    said = _bench(clone, "run", str(suite), "--device", "cpu")
    assert "my_model" in said
    page = (clone / "runs" / "every_kind" / "report" / "report.html").read_text()
    for kind in EDITS:
        assert f"my_{kind}.py" in page, f"the report does not name the file of my_{kind}"
    assert "What my view shows" in page
    assert "my_task" in page
    table = (clone / "runs" / "every_kind" / "report" / "tables" / "generic.csv").read_text()
    assert "my_model" in table, "what my_probe measured is in no table"
    changed = _git(clone, "status", "--porcelain", "--untracked-files=all").splitlines()
    assert changed == [f"?? plugins/my_{kind}.py" for kind in sorted(EDITS)]
    forget()


def _bench(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "runner", *arguments], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, re.sub(r"\n+", "\n", done.stdout + done.stderr)
    return done.stdout


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout
