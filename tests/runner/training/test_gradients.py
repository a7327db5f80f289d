"""The norms of the gradient by part of the network, against autograd and by hand."""

import math

import pytest
import torch
from torch.nn import functional as F

from mechanisms import MODELS
from registry import Quantity
from runner.probes import PROBES, Recipe, Subject
from runner.training.data import Examples, TrainingData
from runner.training.gradients import part_of
from runner.training.network import Network
from runner.training.trainer import Trainer
from tasks import TASKS


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("embedding.source.weight", "embedding"),
        ("model.stack.blocks.0.mixer.W_q.weight", "layer 1"),
        ("model.blocks.11.feed_forward.2.bias", "layer 12"),
        ("model.network.weight_hh_l1", "layer 2"),
        ("model.encoder.bias_ih_l0_reverse", "encoder layer 1"),
        ("model.decoder.blocks.1.cross.W_k.weight", "decoder layer 2"),
        ("model.stack.norm.weight", "norm"),
        ("readout.bias", "readout"),
        ("model.scale", "scale"),
    ],
)
def test_the_part_of_a_parameter(name, part):
    assert part_of(name) == part


def trainer(clip, model="transformer", steps=4):
    torch.manual_seed(3)
    task = TASKS["copy"](items=3)
    network = Network.for_task(MODELS[model](12), task, 12)
    recipe = Recipe(width=12, batch=8, steps=steps, evaluate_every=2, warmup=0, clip=clip)
    validation = [Examples.of(task, 5, [task.sample(5, 32, torch.Generator().manual_seed(99))])]
    return Trainer(network, task, recipe, TrainingData(task, [5], 8, torch.Generator().manual_seed(7)), validation)


@pytest.mark.parametrize("clip", [1e-3, 1e3], ids=["clipped", "not clipped"])
def test_norms_are_those_of_autograd_before_clipping(clip):
    """The gradient of the second batch at the weights after the first step."""
    ours, other = trainer(clip, steps=2), trainer(clip)
    ours.run()
    other.train_step()
    batch = other.data.next()
    hidden = other.network.model(*other.network.embedding(batch.source, batch.query))
    loss = F.cross_entropy(other.network.readout(hidden).flatten(0, 1), batch.target.flatten())
    named = dict(other.network.named_parameters())
    gradients = dict(zip(named, torch.autograd.grad(loss, list(named.values())), strict=True))

    def norm(start):
        return math.hypot(*(g.norm().item() for name, g in gradients.items() if name.startswith(start)))

    first, second = ours.history.evaluations
    assert first.gradients == {}, "there was no step before the first evaluation"
    assert second.gradients == pytest.approx(
        {
            "embedding": norm("embedding"),
            "layer 1": norm("model.stack.blocks.0."),
            "layer 2": norm("model.stack.blocks.1."),
            "norm": norm("model.stack.norm"),
            "readout": norm("readout"),
        },
        rel=1e-4,
    )


@pytest.mark.reference("probe", "gradients_in_training")
def test_the_probe_stores_what_the_trainer_kept():
    ours = trainer(1.0, "lstm")
    ours.run()
    ours.history.evaluations[1].gradients = {"layer 1": 0.25}
    ours.history.evaluations[2].gradients = {"layer 1": 0.5, "readout": 2.0}
    subject = Subject(lambda: None, ours.recipe, ours.device, lambda purpose: None, trainer=ours)
    rows = PROBES["gradients_in_training"]().trained(subject)
    assert [(row.quantity, row.at, row.value) for row in rows] == [
        ("training_gradient_norm", {"stage": "train", "step": step, "part": part}, value)
        for step, part, value in [(2, "layer 1", 0.25), (4, "layer 1", 0.5), (4, "readout", 2.0)]
    ]
    assert all(isinstance(each, Quantity) for each in PROBES["gradients_in_training"].quantities)


def test_every_part_of_every_model_has_a_gradient():
    for name in ("gru", "mamba", "rnn_attention", "transformer_encoder_decoder"):
        ours = trainer(1.0, name, steps=2)
        ours.run()
        parts = {part_of(each) for each, _ in ours.network.named_parameters()}
        assert set(ours.history.evaluations[-1].gradients) == parts
        assert {"embedding", "readout"} < parts
