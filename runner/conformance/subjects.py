"""Small mechanisms on which a probe is checked: with and without attention, untrained and trained on several tasks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from mechanisms import MODELS, SequenceModel
from registry import Spec
from tasks import TASKS

from ..probes import Recipe, Subject
from ..training import seeds
from ..training.setup import TrainingSetup, mechanism

CPU = torch.device("cpu")
LENGTH, LONGER = 8, 13
RECIPE = Recipe(width=8, batch=4, steps=2, evaluate_every=1, validation_examples=4, test_examples=8)
UNTRAINED: tuple[Any, ...] = ({"transformer": {"layers": 1, "heads": 2}}, "gru")
TRAINED: tuple[tuple[Any, Any], ...] = (
    # Classes, with gold alignment links.
    ({"transformer": {"layers": 1, "heads": 2}}, {"copy": {"items": 2}}),
    # Real numbers, and a mechanism without attention.
    ("gru", "adding"),
    # Probabilities, and queries that see all others, so that the mechanism cannot decode.
    ({"transformer": {"layers": 1, "heads": 2}}, {"masked_language": {"symbols": 8}}),
    # Answers that are fed back as queries.
    ("gru", "translation"),
)


def untrained_subjects(seed: int = 0) -> Iterator[tuple[str, Subject]]:
    """Yield each untrained subject with its name. `seed` is that of the initial weights."""
    for choice in UNTRAINED:
        model = MODELS.spec(choice)
        stream = partial(seeds.generator, CPU, "data", None)
        yield f"an untrained {model}", Subject(partial(_model, model, seed), RECIPE, CPU, stream)


def trained_subjects() -> Iterator[tuple[str, Subject]]:
    """Yield each subject that was trained for two steps, with its name."""
    for choice, task in TRAINED:
        model, build = MODELS.spec(choice), partial(_model, MODELS.spec(choice), 0)
        setup = TrainingSetup(TASKS.spec(task), LENGTH, LENGTH, seed=0, device=CPU)
        trainer = setup.trainer(setup.network(build, RECIPE.width), RECIPE)
        trainer.run()
        subject = Subject(
            build=build,
            recipe=RECIPE,
            device=CPU,
            generator=setup.stream,
            trainer=trainer,
            length=LENGTH,
            test_lengths=(LENGTH, LONGER),
        )
        yield f"a {model} trained on {setup.spec}", subject


def _model(spec: Spec, seed: int, causal: bool = True, *, layer: int | None = None) -> SequenceModel:
    return mechanism(spec, RECIPE.width, seed, causal=causal, layer=layer)
