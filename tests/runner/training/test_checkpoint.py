"""A trial's training state on disk: what comes back, what stays apart, and what a failure leaves."""

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch

from runner.training.checkpoint import Checkpoint

STATE = {"step": 7, "network": {"weight": torch.tensor([1.5, -2.0])}, "history": [{"step": 0, "loss": 2.0}]}


def equal(one, other):
    return (
        one.keys() == other.keys()
        and torch.equal(one["network"]["weight"], other["network"]["weight"])
        and all(one[key] == other[key] for key in one if key != "network")
    )


def test_there_is_nothing_before_the_first_save(tmp_path):
    assert Checkpoint(tmp_path / "checkpoints", "key").load() is None
    assert not (tmp_path / "checkpoints").exists()


def test_what_is_saved_comes_back(tmp_path):
    Checkpoint(tmp_path / "checkpoints", "key").save(STATE)
    assert equal(Checkpoint(tmp_path / "checkpoints", "key").load(), STATE)


def test_the_last_save_counts(tmp_path):
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)
    checkpoint.save({**STATE, "step": 8})
    assert checkpoint.load()["step"] == 8


def test_a_stage_is_separate(tmp_path):
    checkpoint = Checkpoint(tmp_path, "key")
    earlier = checkpoint.stage("earlier")
    earlier.save({**STATE, "step": 3})
    assert checkpoint.load() is None
    checkpoint.save(STATE)
    assert (earlier.load()["step"], checkpoint.load()["step"]) == (3, 7)
    assert checkpoint.stage("earlier").load()["step"] == 3


def test_clear_removes_all_stages_and_nothing_else(tmp_path):
    checkpoint, other = Checkpoint(tmp_path, "key"), Checkpoint(tmp_path, "key2")
    kept = tmp_path / "key.log"
    kept.write_text("kept")
    for each in (checkpoint, checkpoint.stage("earlier"), other, other.stage("earlier")):
        each.save(STATE)
    checkpoint.stage("earlier").clear()
    assert checkpoint.load() is None
    assert checkpoint.stage("earlier").load() is None
    assert equal(other.load(), STATE)
    assert equal(other.stage("earlier").load(), STATE)
    assert kept.read_text() == "kept"
    checkpoint.clear()
    assert len(list(tmp_path.iterdir())) == 3, "to clear what is clear already does nothing"


class Unsaveable:
    def __reduce__(self):
        raise OSError("no space left")


def test_a_failed_save_leaves_the_old_state(tmp_path):
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)
    with pytest.raises(OSError, match="no space left"):
        checkpoint.save({"step": 8, "network": {"weight": torch.zeros(1000)}, "history": Unsaveable()})
    assert equal(checkpoint.load(), STATE)
    assert len(list(tmp_path.iterdir())) == 1, "half of a file is not left behind"


SPOILED = {
    "cut off": lambda whole, path: whole[: len(whole) // 2],
    "empty": lambda whole, path: b"",
    "one byte changed": lambda whole, path: whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:],
    "no checkpoint": lambda whole, path: b"garbage " * 100,
    "hostile": lambda whole, path: pickle.dumps(Hostile(path)),
    "hostile with a digest": lambda whole, path: sealed(pickle.dumps(Hostile(path))),
    "of torch alone": lambda whole, path: whole[32:],
}


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path.with_name("executed"),)


def sealed(content):
    return Checkpoint(Path(), "key")._seal(content) + content


@pytest.mark.parametrize("spoiled", SPOILED)
def test_what_cannot_be_read_begins_anew_with_a_note(tmp_path, capsys, spoiled):
    checkpoint, path = Checkpoint(tmp_path, "key"), tmp_path / "key.training.pt"
    checkpoint.save(STATE)
    path.write_bytes(SPOILED[spoiled](path.read_bytes(), path))
    assert checkpoint.load() is None
    assert "the checkpoint key.training.pt is left out, and training begins anew: " in capsys.readouterr().err
    assert not (tmp_path / "executed").exists()


def test_the_state_of_another_trial_begins_anew(tmp_path, capsys):
    Checkpoint(tmp_path, "other").save(STATE)
    (tmp_path / "other.training.pt").rename(tmp_path / "key.training.pt")
    assert Checkpoint(tmp_path, "key").load() is None
    assert "of another trial" in capsys.readouterr().err


def test_a_full_disk_does_not_end_the_training(tmp_path, capsys, monkeypatch):
    checkpoint = Checkpoint(tmp_path, "key")
    checkpoint.save(STATE)

    def full(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        checkpoint.save({**STATE, "step": 8})
    assert "cannot be written, and training goes on: No space left on device" in capsys.readouterr().err
    assert equal(checkpoint.load(), STATE)
    assert len(list(tmp_path.iterdir())) == 1, "half of a file is not left behind"


def test_clear_removes_what_a_killed_process_left(tmp_path):
    left = tmp_path / ".key.training.pt.4194304999.abcdefgh"
    left.write_text("half of a")
    Checkpoint(tmp_path, "key").clear()
    assert not left.exists()
