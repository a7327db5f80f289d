"""A trial's training state on disk: what comes back, what stays apart, and what a failure leaves."""

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
