"""A run on a disk that is really full: one sentence, and the same command goes on once there is space."""

import os
import subprocess

import pytest

from results import load_trials


@pytest.fixture
def disk(tmp_path):
    """A file system of 300 kB at the folder of runs, where this user may mount one."""
    folder = tmp_path / "runs"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user cannot mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(2**12)):
                pass
        except OSError:
            pass


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_run_on_a_full_disk_goes_on_once_there_is_space(shell, tiny, disk):
    suite = tiny(seeds="2")
    assert shell.run(suite).returncode == 0
    fill(disk / "filler")
    more = tiny(seeds="3")
    done = shell.run(more)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "the disk is full; make space, and give the same command again" in done.stderr
    assert list(load_trials(disk / "tiny")["outcome"]) == ["ok", "ok"]
    (disk / "filler").unlink()
    done = shell.run(more)
    assert done.returncode == 0, done.stderr
    assert "3 trials, 2 already finished, 1 to run" in done.stdout
    done = shell("report", disk / "tiny")
    assert done.returncode == 1, "the figures need more than there is"
    assert "cannot be used: No space left on device; make space" in done.stderr
    assert not list((disk / "tiny" / "report").rglob(".*")), "no half of a file is left"
