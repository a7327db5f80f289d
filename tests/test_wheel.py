"""What `pip install .` installs: the packages with their data files, in a form that runs without the checkout."""

import os
import subprocess
import sys
import zipfile

import pytest

from runner.plugins import ROOT
from runner.trial.imports import PACKAGES


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, text=True)
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_a_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    files = {path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()}
    wanted = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    assert {name for name in wheel.namelist() if ".dist-info/" not in name} == wanted


def test_an_installed_copy_makes_a_plugin_and_finds_it(wheel, tmp_path):
    installed, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    wheel.extractall(installed)
    elsewhere.mkdir()
    commands = "new alignment my_score", "info my_score --plugin plugins/my_score.py"
    for command in commands:
        ended = subprocess.run(
            [sys.executable, "-m", "runner", *command.split()],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(installed)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
    assert (elsewhere / "plugins" / "my_score.py").is_file()
    assert "my_score" in ended.stdout
