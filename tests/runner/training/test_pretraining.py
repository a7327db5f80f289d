"""Training on one task before another: what is carried over, what starts anew, and going on after a stop."""

import dataclasses

import pytest
import torch

from mechanisms import MODELS
from runner.probes import PROBES
from runner.training.checkpoint import Checkpoint
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.setup import TrainingSetup
from runner.training.trainer import Interrupted
from runner.trial.measure import measure
from runner.trial.trial import Trial
from tasks import TASKS, Tokens

RECIPE = Recipe(width=8, batch=8, steps=20, evaluate_every=5, validation_examples=16, test_examples=16)
CPU = torch.device("cpu")


EARLIER = {
    "earlier": TASKS.spec({"copy": {"items": 2}}),
    "earlier_length": 5,
    "earlier_shortest_length": 3,
    "earlier_steps": 15,
}


def trial(**earlier):
    return Trial(
        mechanism=MODELS.spec("gru"),
        seed=0,
        recipe=RECIPE,
        probes=(PROBES.spec("accuracy"),),
        task=TASKS.spec({"recall": {"pairs": 2, "vocabulary": 16}}),
        trained_length=9,
        shortest_length=9,
        test_lengths=(9,),
        **earlier,
    )


def network(task):
    return Network.for_task(MODELS["gru"](8), task, 8)


def test_the_mechanism_and_the_shared_vocabulary_are_carried_over():
    torch.manual_seed(0)
    copy, recall = TASKS["copy"](items=2), TASKS["recall"](pairs=2, vocabulary=16)
    taught, alike, other = network(copy), network(copy), network(recall)
    for parameter in taught.parameters():
        torch.nn.init.normal_(parameter)
    readout, embedding = alike.readout.weight.clone(), other.embedding.source.weight.clone()
    alike.load_from(taught)
    other.load_from(taught)
    for mine in (alike, other):
        for name, value in taught.model.state_dict().items():
            assert torch.equal(mine.model.state_dict()[name], value)
    assert torch.equal(alike.embedding.source.weight, taught.embedding.source.weight), "one vocabulary"
    assert torch.equal(alike.readout.weight, readout), "the readout starts anew"
    assert torch.equal(other.embedding.source.weight, embedding), "another vocabulary starts anew"
    assert copy.source_space != recall.source_space == Tokens(16, "recall")


def rows(outcome, quantity, **at):
    return [m for m in outcome.measurements if m.quantity == quantity and at.items() <= m.at.items()]


def test_a_trial_trains_on_both_and_starts_the_second_with_the_first():
    steps = []
    outcome = measure(trial(**EARLIER), CPU, lambda done, total: steps.append((done, total)))
    assert outcome.outcome == "ok"
    assert steps == [(n, 35) for n in range(5, 36, 5)]
    assert [m.at["step"] for m in rows(outcome, "normalised", stage="pretraining")] == [0, 5, 10, 15]
    bare = measure(trial(), CPU)
    assert not rows(bare, "normalised", stage="pretraining")
    (with_earlier,), (without,) = (rows(each, "loss", stage="validation", step=0) for each in (outcome, bare))
    assert with_earlier.value != without.value
    assert len(rows(outcome, "normalised", stage="test", length=9)) == 1


def test_what_diverges_in_pre_training_keeps_its_curve():
    """At this rate every weight is infinite after a step."""
    steep = dataclasses.replace(trial(**EARLIER), recipe=RECIPE.model_copy(update={"learning_rate": 1e30, "warmup": 0}))
    outcome = measure(steep, CPU)
    assert outcome.outcome == "diverged"
    assert outcome.reason.startswith("in pre-training, the training loss was")
    assert [m.at["step"] for m in rows(outcome, "normalised", stage="pretraining")] == [0]


def numbers(outcome):
    return [m for m in outcome.measurements if m.value == m.value]


@pytest.mark.parametrize("stop", [7, 19, 31])
def test_a_stop_in_either_part_goes_on_bit_for_bit(tmp_path, stop):
    whole = measure(trial(**EARLIER), CPU)
    checkpoint = Checkpoint(tmp_path, "key")
    asked = iter([False] * stop + [True] * 100)
    with pytest.raises(Interrupted):
        measure(trial(**EARLIER), CPU, interrupted=lambda: next(asked), checkpoint=checkpoint)
    steps = []
    resumed = measure(
        trial(**EARLIER), CPU, lambda done, total: steps.append(done), interrupted=lambda: False, checkpoint=checkpoint
    )
    assert min(steps) > stop, "what was done before is not done again"
    # Steps to solve is no number where nothing was solved, and so not equal to itself.
    assert numbers(resumed) == numbers(whole)
    assert len(numbers(whole)) > 20


def test_mixed_lengths_are_validated_at_several():
    setup = TrainingSetup(TASKS.spec({"copy": {"items": 2}}), 12, 2, 0, CPU)
    trainer = setup.trainer(network(setup.task), RECIPE)
    assert [examples.length for examples in trainer.validation] == [2, 3, 5, 6, 8, 9, 11, 12]
    assert trainer.data.lengths == list(range(2, 13))
