"""The training loop against a hand-written one, and a resumed run against an uninterrupted one."""

import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mechanisms import MODELS
from runner.training.checkpoint import Checkpoint
from runner.training.data import Examples, TrainingData
from runner.training.evaluate import evaluate
from runner.training.network import Network, choose_device
from runner.training.recipe import Recipe
from runner.training.trainer import Diverged, Interrupted, Trainer, learning_rate_at
from tasks import TASKS, Bounds

RECIPE = Recipe(width=12, batch=8, steps=30, learning_rate=1e-2, warmup=5, evaluate_every=10)


def trainer(recipe=RECIPE, task_name="copy", seed=3, model=None):
    torch.manual_seed(seed)
    task = TASKS[task_name](items=3) if task_name == "copy" else TASKS[task_name]()
    network = Network.for_task(model or MODELS["gru"](recipe.width), task, recipe.width)
    validation = [Examples.of(task, 5, [task.sample(5, 32, torch.Generator().manual_seed(99))])]
    data = TrainingData(task, [5], recipe.batch, torch.Generator().manual_seed(7))
    return Trainer(network, task, recipe, data, validation)


@pytest.mark.parametrize("task_name", ["copy", "adding"])
def test_equals_a_hand_written_loop(task_name):
    ours = trainer(task_name=task_name)
    ours.run()
    other = trainer(task_name=task_name)
    network, task, data = other.network, other.task, torch.Generator().manual_seed(7)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    for step in range(30):
        peak = 1e-2
        rate = peak * (step + 1) / 5 if step < 5 else peak * (1 + math.cos(math.pi * (step - 5) / 25)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        if step % 8 == 0:  # eight batches at a time
            batches = task.sample(5, 8 * 8, data).split(8)
        batch = next(batches)
        hidden = network.model(*network.embedding(batch.source, batch.query))
        output = network.readout(hidden)
        if task_name == "copy":
            loss = F.cross_entropy(output.flatten(0, 1), batch.target.flatten())
        else:
            loss = (output[..., 0] - batch.target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    for mine, theirs in zip(ours.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-4, atol=2e-6)


def test_learning_rate_by_hand():
    recipe = Recipe(steps=10, warmup=2, learning_rate=4.0)
    rates = [learning_rate_at(step, recipe) for step in range(10)]
    assert rates[:3] == [2.0, 4.0, 4.0]
    assert rates[6] == pytest.approx(2.0), "half of the way down the cosine"
    assert rates[9] == pytest.approx(4.0 * 0.5 * (1 + math.cos(math.pi * 7 / 8)))


def test_a_warm_up_longer_than_the_training_ends_with_it():
    """The recipe of the smoke suite: without it, training ends at 0.4 of the rate that the report shows."""
    recipe = Recipe(steps=20, warmup=50, learning_rate=4.0)
    assert [learning_rate_at(step, recipe) for step in range(20)] == pytest.approx([n / 5 for n in range(1, 21)])


def test_resumed_is_bit_identical(tmp_path):
    whole = trainer()
    history = whole.run()
    checkpoint = Checkpoint(tmp_path, "key")
    first = trainer()
    asked = iter([False] * 13 + [True] * 100)
    with pytest.raises(Interrupted):
        first.run(interrupted=lambda: next(asked), checkpoint=checkpoint)
    assert 0 < first.step < 30
    second = trainer(seed=4)  # other weights: all must come from the checkpoint
    resumed = second.run(checkpoint=checkpoint)
    for mine, theirs in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert [vars(e) for e in history.evaluations[1:]] == [vars(e) for e in resumed.evaluations[1:]]


def test_stops_once_solved():
    """A model that is handed the answer: copy's source symbols at its query positions."""
    recipe = Recipe(width=12, batch=32, steps=2000, learning_rate=3e-2, evaluate_every=10)
    history = trainer(recipe, model=MODELS["rnn_attention"](12)).run()
    assert history.steps_to_solve == history.steps < 2000
    assert history.evaluations[-1].normalised >= 0.99
    assert all(e.normalised < 0.99 for e in history.evaluations[:-1])


def test_divergence_is_an_outcome_with_its_step():
    ours = trainer()
    step = ours.train_step

    def poisoned():
        step()
        if ours.step == 13:
            torch.nn.init.constant_(ours.parameters[0], math.nan)

    ours.train_step = poisoned
    with pytest.raises(Diverged, match="the training loss was nan by step 20"):
        ours.run()
    assert [e.step for e in ours.history.evaluations] == [0, 10], "the curve up to there is kept"


class Answer(Network):
    """Predicts what it is told to."""

    def __init__(self, network, logits):
        nn.Module.__init__(self)
        self.target_space, self.logits = network.target_space, logits

    def forward(self, batch):
        return self.logits


def test_metrics_by_hand():
    """Two examples of 3 symbols; 4 of 6 positions right, one example without an error."""
    ours = trainer()
    batch = ours.task.sample(5, 2, torch.Generator().manual_seed(1))
    wrong = batch.target.clone()
    wrong[1, 1:] = (wrong[1, 1:] + 1) % 8
    logits = 2.0 * F.one_hot(wrong.flatten(), 8).float()
    scores = evaluate(Answer(ours.network, logits), ours.task, Examples.of(ours.task, 5, [batch]))
    assert scores.metric == scores.right == pytest.approx(4 / 6)
    assert scores.exact == 0.5
    log_sum = math.log(math.exp(2) + 7)
    assert scores.loss == pytest.approx(log_sum - 2 * 4 / 6, rel=1e-6)
    assert scores.normalised == pytest.approx((4 / 6 - 1 / 8) / (7 / 8))


def test_scalar_metrics_by_hand():
    ours = trainer(task_name="adding")
    batch = ours.task.sample(6, 3, torch.Generator().manual_seed(1))
    errors = torch.tensor([0.0, 0.03, 0.05])
    output = batch.target + errors.unsqueeze(1)
    scores = evaluate(Answer(ours.network, output), ours.task, Examples.of(ours.task, 6, [batch]))
    assert scores.metric == pytest.approx((0.03**2 + 0.05**2) / 3, rel=1e-4)
    assert scores.right == pytest.approx(2 / 3)
    assert scores.normalised == pytest.approx(1 - 6 * scores.metric, rel=1e-6)


def test_a_validation_length_without_a_score_is_left_out():
    ours = trainer()
    (scored,) = ours.validation
    close = dataclasses.replace(scored, bounds=Bounds(0.5, 0.5))
    alone = ours.evaluate().normalised
    ours.validation = [close, scored]
    assert ours.evaluate().normalised == alone
    ours.validation = [close]
    assert math.isnan(ours.evaluate().normalised)
    assert ours.history.steps_to_solve is None


def test_readout_runs_at_scored_positions_only():
    task = TASKS["recall"](pairs=2, vocabulary=20)
    network = Network.for_task(MODELS["gru"](8), task, 8)
    batch = task.sample(17, 5, torch.Generator().manual_seed(2))
    seen = []
    network.readout.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0].shape))
    output = network(batch)
    assert seen == [(5 * 2, 8)]
    everywhere = network.readout(network.model(*network.embedding(batch.source, batch.query)))
    torch.testing.assert_close(output, everywhere[batch.scored])


def test_equal_spaces_share_one_embedding():
    recall, adding = TASKS["recall"](), TASKS["adding"]()
    shared = Network.for_task(MODELS["gru"](8), recall, 8).embedding
    assert shared.source is shared.query
    apart = Network.for_task(MODELS["gru"](8), adding, 8).embedding
    assert isinstance(apart.source, nn.Linear)
    assert isinstance(apart.query, nn.Embedding)


def test_device_choice():
    assert choose_device("cpu").type == "cpu"
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("known", [0, 1, 3])
def test_the_bits_of_a_predictor_that_knows_some_symbols_exactly(known):
    """It knows the first symbols of three and guesses the others among eight: three bits for each that it knows."""
    ours = trainer()
    batch = ours.task.sample(5, 64, torch.Generator().manual_seed(1))
    logits = 50.0 * F.one_hot(batch.target, 8).float()
    logits[:, known:] = 0.0
    scores = evaluate(Answer(ours.network, logits.flatten(0, 1)), ours.task, Examples.of(ours.task, 5, [batch]))
    assert scores.bits == pytest.approx(3.0 * known, abs=1e-5)
    assert scores.bits_asked == pytest.approx(9.0)


def test_a_predictor_that_is_sure_and_wrong_has_fewer_bits_than_none():
    ours = trainer()
    batch = ours.task.sample(5, 8, torch.Generator().manual_seed(1))
    logits = 5.0 * F.one_hot((batch.target + 1) % 8, 8).float().flatten(0, 1)
    scores = evaluate(Answer(ours.network, logits), ours.task, Examples.of(ours.task, 5, [batch]))
    assert scores.bits == pytest.approx(3 * (3 - math.log2(math.exp(5) + 7)), rel=1e-6)
    assert scores.bits < 0


def test_real_numbers_have_no_bits():
    ours = trainer(task_name="adding")
    scores = evaluate(ours.network, ours.task, Examples.of(ours.task, 6, [ours.task.sample(6, 3, torch.Generator())]))
    assert math.isnan(scores.bits)
    assert math.isnan(scores.bits_asked)
