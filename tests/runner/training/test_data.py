"""Training data by the step: what is drawn together, mixed lengths, and going on in the middle of a draw."""

from dataclasses import fields

import pytest
import torch

from runner.training.data import Examples, TrainingData, lengths_between, spread
from tasks import TASKS

CPU = torch.device("cpu")


class OddOnly(TASKS["copy"]):
    def check_length(self, length):
        if length % 2 == 0:
            raise ValueError(f"length is {length}, but this needs an odd one")


def stream(seed=7):
    return torch.Generator().manual_seed(seed)


def data(lengths=(5,), batch=3, task=None):
    return TrainingData(task or TASKS["copy"](items=2), lengths, batch, stream(), stream(8))


def same(one, other):
    return all(torch.equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


def test_batches_of_one_length_are_one_draw_cut_up():
    taken = data()
    batches = [taken.next() for _ in range(16)]
    source = stream()
    whole = [TASKS["copy"](items=2).sample(5, 8 * 3, source) for _ in range(2)]
    assert torch.equal(torch.cat([b.source for b in batches]), torch.cat([w.source for w in whole]))
    assert torch.equal(torch.cat([b.target for b in batches]), torch.cat([w.target for w in whole]))


def test_long_sequences_are_drawn_one_batch_at_a_time():
    assert data(lengths=(2000,)).at_once == 1
    assert data(lengths=(2, 3)).at_once == 1


@pytest.mark.parametrize("lengths", [(5,), (3, 4, 5, 6, 9)])
@pytest.mark.parametrize("before", [0, 1, 7, 8, 9, 16])
def test_goes_on_bit_for_bit(lengths, before):
    whole, first, second = data(lengths), data(lengths), data(lengths)
    expected = [whole.next() for _ in range(before + 11)][before:]
    for _ in range(before):
        first.next()
    second.load_state(first.state())
    assert all(same(second.next(), batch) for batch in expected)


def test_mixed_lengths_are_as_likely_as_the_task_says():
    class Skewed(TASKS["copy"]):
        def length_weights(self, lengths):
            return torch.tensor([0.0 if length == 4 else float(length) for length in lengths])

    taken = data((3, 4, 5, 8), batch=1, task=Skewed(items=2))
    seen = torch.bincount(torch.tensor([taken.next().source.shape[1] - 2 for _ in range(4000)]), minlength=9) / 4000
    expected = torch.tensor([0, 0, 0, 3, 0, 5, 0, 0, 8]) / 16
    assert ((seen - expected).abs() <= 4 * (expected * (1 - expected) / 4000).sqrt()).all()


def test_mixed_lengths_are_uniform_over_those_that_exist():
    task = OddOnly(items=2)
    lengths = lengths_between(task, 2, 9)
    assert lengths == [3, 5, 7, 9]
    drawn = data(lengths, batch=2, task=task)
    counts = torch.zeros(10)
    for _ in range(400):
        counts[drawn.next().source.shape[1] - 2] += 1
    assert counts.sum() == counts[lengths].sum() == 400
    assert (counts[lengths] - 100).abs().max() < 4 * (400 * 1 / 4 * 3 / 4) ** 0.5


def test_several_lengths_need_a_generator_for_their_order():
    with pytest.raises(ValueError, match="order"):
        TrainingData(TASKS["copy"](), [3, 4], 2, stream())


def test_validation_lengths_are_spread():
    assert spread([3, 5, 7]) == [3, 5, 7]
    assert spread(list(range(1, 41))) == [1, 7, 12, 18, 23, 29, 34, 40]


def test_batches_add_up_to_the_examples():
    examples = Examples.draw(TASKS["adding"](), 5, 23, 7, stream(), CPU)
    assert [len(batch) for batch in examples.batches] == [7, 7, 7, 2]
    assert examples.bounds[:2] == (1 / 6, 0.0)
