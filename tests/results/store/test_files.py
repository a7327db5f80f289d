"""Files that are replaced as a whole, on disks that are full, and after kills."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import pytest

from results.store.files import remove_unfinished, replacing, write_text


def fail(*arguments: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_an_error_of_the_disk_names_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*/table\.csv'"):
        write_text(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["table.csv"]
    assert path.read_text() == "old"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"'.*/file/table\.csv'"):
        write_text(tmp_path / "file" / "table.csv", "text")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a[b]*.csv"
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f".{path.name}.{ended.pid}.abcdefgh"
    kept = [
        tmp_path / f".{path.name}.{os.getpid()}.abcdefgh",
        tmp_path / f".{path.name}.1.abcdefgh",
        tmp_path / f".{path.name}.mine.csv",
        tmp_path / f".other.{ended.pid}.abcdefgh",
    ]
    for each in (left, *kept):
        each.write_text("half of a")
    remove_unfinished(path)
    assert not left.exists()
    assert all(each.exists() for each in kept)
    left.write_text("half of a")
    with replacing(path) as file:
        file.write(b"whole")
    assert not left.exists()
    assert path.read_text() == "whole"
