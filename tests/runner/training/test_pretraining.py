"""Training on one task before another: what is carried over, what starts anew, and going on after a stop."""

import pytest
import torch

from mechanisms import MODELS
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.setup import TrainingSetup
from runner.training.trainer import Interrupted
from runner.trial.measure import measure
from runner.trial.trial import Trial
from tasks import TASKS, Tokens

RECIPE = {"width": 8, "batch": 8, "steps": 20, "evaluate_every": 5, "validation_examples": 16, "test_examples": 16}
CPU = torch.device("cpu")


def cell(**changes):
    fields = {
        "key": "k",
        "kind": "train",
        "label": "gru",
        "model": "gru",
        "mechanism": {},
        "seed": 0,
        "recipe": RECIPE,
        "probes": {"accuracy": {}},
        "task": "recall",
        "task_settings": {"pairs": 2, "vocabulary": 16},
        "length": 9,
        "shortest": 9,
        "test_lengths": (9,),
        "pretraining": {
            "task": "copy",
            "task_settings": {"items": 2},
            "length": 5,
            "shortest": 3,
            "steps": 15,
        },
    }
    return Trial(**(fields | changes))


def network(task):
    return Network.for_task(MODELS["gru"](8), task, 8)


def test_the_mechanism_and_the_shared_vocabulary_are_carried_over():
    torch.manual_seed(0)
    copy, recall = TASKS["copy"](items=2), TASKS["recall"](pairs=2, vocabulary=16)
    taught, alike, other = network(copy), network(copy), network(recall)
    for parameter in taught.parameters():
        torch.nn.init.normal_(parameter)
    readout, embedding = alike.ends.readout.weight.clone(), other.ends.source.weight.clone()
    alike.take_over(taught)
    other.take_over(taught)
    for mine in (alike, other):
        for name, value in taught.model.state_dict().items():
            assert torch.equal(mine.model.state_dict()[name], value)
    assert torch.equal(alike.ends.source.weight, taught.ends.source.weight), "one vocabulary"
    assert torch.equal(alike.ends.readout.weight, readout), "the readout starts anew"
    assert torch.equal(other.ends.source.weight, embedding), "another vocabulary starts anew"
    assert copy.source_space != recall.source_space == Tokens(16, "recall")


def rows(measured, **wanted):
    return [m for m in measured.measurements if all(getattr(m, key) == value for key, value in wanted.items())]


def test_a_cell_trains_on_both_and_starts_the_second_with_the_first():
    steps = []
    measured = measure(cell(), lambda done, total: steps.append((done, total)), lambda: False)
    assert steps == [(n, 35) for n in range(5, 36, 5)]
    assert [m.step for m in rows(measured, stage="pretraining", quantity="normalised")] == [0, 5, 10, 15]
    bare = measure(cell(pretraining=None), lambda done, total: None, lambda: False)
    first = {"stage": "validation", "quantity": "loss", "step": 0}
    assert rows(measured, **first)[0].value != rows(bare, **first)[0].value
    assert rows(measured, stage="test", quantity="normalised")


def numbers(measured):
    return [m for m in measured.measurements if m.value == m.value]


@pytest.mark.parametrize("stop", [7, 19, 31])
def test_a_stop_in_either_part_goes_on_bit_for_bit(tmp_path, stop):
    whole = measure(cell(), lambda done, total: None, lambda: False)
    path = tmp_path / "cell.pt"
    asked = iter([False] * stop + [True] * 100)
    with pytest.raises(Interrupted):
        measure(cell(), lambda done, total: None, lambda: next(asked), path)
    resumed = measure(cell(), lambda done, total: None, lambda: False, path)
    # Steps to solve is no number where nothing was solved, and so not equal to itself.
    assert numbers(resumed) == numbers(whole)
    assert len(numbers(whole)) > 20


def test_mixed_lengths_are_validated_at_several():
    lesson = TrainingSetup("copy", {"items": 2}, 12, 2, 0, CPU)
    trainer = lesson.trainer(network(lesson.task), Recipe(**RECIPE))
    assert [examples.length for examples in trainer.validation] == [2, 3, 5, 6, 8, 9, 11, 12]
    assert trainer.data.lengths == list(range(2, 13))
