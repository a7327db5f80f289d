"""Every random stream derives from what was chosen and the seed, and from nothing else."""

import itertools
import random

import numpy as np
import pytest
import torch

from mechanisms import MODELS
from results import load
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training import seeds
from runner.training.checkpoint import Checkpoint
from runner.training.trainer import Interrupted
from runner.trial.measure import measure
from tasks import TASKS

CPU = torch.device("cpu")
DROPOUT = (
    "[external: {module: torch.nn.GRU, arguments: {input_size: width, hidden_size: width, batch_first: true, "
    "num_layers: 2, dropout: 0.5}}]"
)


def trials(path):
    return make_plan(SuiteFile(path), folder=path.parent / "no-plugins").trials


def draws() -> tuple[float, float, float]:
    return float(torch.rand(())), random.random(), float(np.random.rand())


def test_a_default_that_is_written_down_draws_the_same():
    assert MODELS.spec("gru").changed() == MODELS.spec({"gru": {"layers": 1}}).changed() == ["gru", {}]
    assert MODELS.spec({"gru": {"layers": 2}}).changed() == ["gru", {"layers": 2}]
    nested = {"transformer": {"expansion": 4, "alignment": {"local_m": {"alignment": "dot", "window": 10}}}}
    assert MODELS.spec(nested).changed() == ["transformer", {"alignment": ["local_m", {"alignment": ["dot", {}]}]}]
    assert TASKS.spec({"copy": {"items": 10}}).changed() == ["copy", {}]


def test_the_global_generators_of_a_process_are_seeded_and_given_back():
    before = seeds.global_state()
    found = []
    for fields in (("a", 0), ("a", 0), ("a", 1), ("b", 0)):
        with seeds.process(*fields):
            found.append(draws())
    assert found[0] == found[1]
    for one, other in itertools.combinations(found[1:], 2):
        assert not set(one) & set(other)
    after = seeds.global_state()
    assert torch.equal(before["torch"], after["torch"])
    assert before["python"] == after["python"]
    assert torch.equal(before["numpy"][1], after["numpy"][1])


def test_a_state_goes_to_disk_and_back(tmp_path):
    checkpoint = Checkpoint(tmp_path, "key")
    with seeds.process("somewhere"):
        checkpoint.save(seeds.global_state())
        expected = draws()
        seeds.load_global_state(checkpoint.load())
        assert draws() == expected


def test_dropout_is_the_trials_own_and_goes_on_bit_for_bit(tiny, tmp_path):
    """Once all trials drew what the process's parent had drawn, and a run that went on drew anew."""
    (trial,) = trials(tiny(mechanisms=DROPOUT, train="{width: 8, batch: 4, steps: 9, evaluate_every: 3}"))
    torch.manual_seed(1)
    whole = measure(trial, CPU)
    torch.manual_seed(2)
    assert measure(trial, CPU) == whole
    checkpoint, calls = Checkpoint(tmp_path, trial.key), iter(range(100))
    with pytest.raises(Interrupted):
        measure(trial, CPU, interrupted=lambda: next(calls) == 4, checkpoint=checkpoint)
    assert checkpoint.load()["step"] == 5
    torch.manual_seed(3)
    assert measure(trial, CPU, checkpoint=checkpoint) == whole


@pytest.mark.slow
def test_the_number_of_workers_does_not_change_results(tiny, shell):
    """Enough numbers in a product that two threads would add them up in another order."""
    suite = tiny(
        mechanisms="[transformer: {layers: 1}, lstm]",
        tasks="[copy: {length: 20, items: 4}]",
        train="{width: 64, batch: 32, steps: 6, evaluate_every: 2, validation_examples: 64, test_examples: 64}",
    )
    found = []
    for workers in (1, 2):
        done = shell("run", suite, "--out", shell.runs / str(workers), "--no-report", "--workers", workers)
        assert done.returncode == 0, done.stderr
        frame = load(shell.runs / str(workers) / "tiny")
        found.append(frame[["trial", "quantity", "stage", "length", "step", "value"]])
    assert found[0].equals(found[1])
