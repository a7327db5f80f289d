"""A task's data by its purpose: training, validation and test do not share examples."""

import pytest
import torch

from mechanisms import MODELS
from runner.probes import Subject
from runner.probes.accuracy import Accuracy
from runner.training.data import Examples, TrainingData
from runner.training.evaluate import evaluate
from runner.training.network import Network
from runner.training.recipe import Recipe
from runner.training.setup import TrainingSetup
from runner.training.trainer import Trainer
from tasks import TASKS

CPU = torch.device("cpu")
ROWS = 2000


def setup_of(choice, length, shortest=None, seed=0):
    return TrainingSetup(TASKS.spec(choice), length, shortest or length, seed, CPU)


def rows(name, length, purpose):
    """Return the examples of a stream as bytes, source and query together."""
    batch = TASKS[name]().sample(length, ROWS, setup_of(name, length).stream(purpose))
    parts = [value.double().flatten(1) for value in (batch.source, batch.query)]
    return [row.numpy().tobytes() for row in torch.cat(parts, dim=1)]


def possible(name, least):
    task = TASKS[name]()
    return next(length for length in range(least, 4096) if task.accepts(length))


@pytest.mark.parametrize("name", list(TASKS))
def test_streams_do_not_overlap(name):
    """Where the space is so large that nothing comes twice in a stream, nothing comes in two streams."""
    length = possible(name, 64)
    streams = [rows(name, length, purpose) for purpose in ("train", "validation", "test 64")]
    assert all(len(set(stream)) == ROWS for stream in streams), "at this length every space is large enough"
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not set(streams[one]) & set(streams[other])


def test_streams_differ_by_seed_and_settings():
    first = setup_of("copy", 5).stream("train").initial_seed()
    assert first == setup_of("copy", 9).stream("train").initial_seed()
    assert first != setup_of("copy", 5, seed=1).stream("train").initial_seed()
    assert first != setup_of({"copy": {"items": 3}}, 5).stream("train").initial_seed()


class Knows(Network):
    """Answers a language model's batch with given log-probabilities."""

    def __init__(self, task, log_probabilities):
        torch.nn.Module.__init__(self)
        self.task, self.log_probabilities = task, log_probabilities
        self.target_space = task.target_space
        self.model = torch.nn.Module()
        self.model.decodes = False

    def forward(self, batch):
        return self.log_probabilities(batch)[batch.scored]


@pytest.mark.parametrize("name", ["language", "masked_language"])
def test_one_who_knows_the_law_scores_one_and_one_who_knows_frequencies_zero(name):
    task = TASKS[name]()
    examples = Examples.draw(task, 32, 300, 100, torch.Generator().manual_seed(1), CPU)
    ideal = evaluate(Knows(task, task.log_probabilities), task, examples)
    assert ideal.normalised == pytest.approx(1.0, abs=1e-9)
    assert ideal.loss == pytest.approx(examples.bounds.ceiling)
    marginal = task.distribution.marginal(32).log()
    queries = examples.batches[0].query.shape[1]
    blind = evaluate(Knows(task, lambda b: marginal[-queries:].expand(len(b), -1, -1)), task, examples)
    assert blind.normalised == pytest.approx(0.0, abs=1e-9)


def test_nats_above_the_floor_are_measured():
    task = TASKS["language"]()
    network = Knows(task, lambda b: torch.zeros_like(task.log_probabilities(b)))  # uniform over the words
    network.unused = torch.nn.Parameter(torch.zeros(1))  # an optimiser wants one
    recipe = Recipe(batch=4, test_examples=64)
    stream = setup_of("language", 16).stream
    trainer = Trainer(network, task, recipe, TrainingData(task, [16], recipe.batch, stream("train")), [])
    subject = Subject(
        build=lambda: MODELS["gru"](8),
        recipe=recipe,
        device=CPU,
        generator=stream,
        trainer=trainer,
        length=16,
        test_lengths=(16, 32),
    )
    found = {(r.quantity, r.at["length"]): r.value for r in Accuracy().trained(subject) if r.at.get("stage") == "test"}
    for length in (16, 32):
        floor, above = found["ceiling", length], found["nats_above_floor", length]
        assert above == pytest.approx(found["loss", length] - floor)
        assert found["loss", length] == pytest.approx(torch.tensor(32.0).log().item())
    assert ("bleu", 16) not in found


@pytest.mark.parametrize("model", ["gru", "transformer"])
@pytest.mark.parametrize("name", list(TASKS))
def test_every_task_takes_a_training_step(name, model):
    task = TASKS[name]()
    if not task.causal and model == "gru":
        pytest.skip("it reads its queries in order")
    torch.manual_seed(0)
    setup = setup_of(name, possible(name, 13), 1)
    recipe = Recipe(width=8, batch=4, steps=2, validation_examples=64)
    trainer = setup.trainer(setup.network(lambda causal: MODELS[model](8, causal=causal), 8), recipe)
    before = [p.detach().clone() for p in trainer.parameters]
    history = trainer.run()
    assert history.steps == 2
    assert all(torch.isfinite(p).all() for p in trainer.parameters)
    assert any(not torch.equal(a, b) for a, b in zip(before, trainer.parameters, strict=True))
