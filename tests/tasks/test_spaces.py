"""What target spaces say of outputs, against formulas written out by hand."""

import math

import pytest
import torch

from tasks import TASKS, Bounds, Classes, Distribution, Scalar

LOGITS = [[2.0, 0.0, -1.0], [0.5, 0.5, 3.0], [1.0, 4.0, 0.0], [0.0, 0.0, 1.0]]
TARGET = [0, 1, 1, 0]


def cross_entropies():
    return [math.log(sum(map(math.exp, row))) - row[answer] for row, answer in zip(LOGITS, TARGET, strict=True)]


@pytest.mark.parametrize("space", [Classes(3), Distribution(3)])
def test_classes_are_trained_with_the_cross_entropy_and_right_where_the_largest_logit_is(space):
    output, target = torch.tensor(LOGITS), torch.tensor(TARGET)
    assert space.loss(output, target).item() == pytest.approx(sum(cross_entropies()) / 4)
    assert space.loss(output, target, reduction="sum").item() == pytest.approx(sum(cross_entropies()))
    assert space.correct(output, target).tolist() == [True, False, True, False]
    assert (space.size, space.discrete) == (3, True)


@pytest.mark.parametrize("place", [(0, 1, 2), (1,), (0,)])
@pytest.mark.parametrize("space", [Classes(3), Distribution(3)])
def test_an_output_with_nan_is_wrong_whatever_the_target_is(space, place):
    output = torch.tensor(LOGITS[:1]).repeat(3, 1)
    output[:, list(place)] = math.nan
    assert not space.correct(output, torch.tensor([0, 1, 2])).any()


def test_the_prediction_of_nan_is_no_class():
    space, output = Classes(3), torch.tensor([[math.nan] * 3, LOGITS[0]])
    assert space.prediction(output).tolist() == [-1, 0]
    assert space.score(space.prediction(output), torch.tensor([0, 0])).tolist() == [0, 1]


def test_the_metric_of_classes_is_the_accuracy():
    space, output, target = Classes(3), torch.tensor(LOGITS), torch.tensor(TARGET)
    assert space.prediction(output).tolist() == [0, 2, 1, 2]
    assert space.score(space.prediction(output), target).tolist() == [1, 0, 1, 0]
    assert space.metric_from(loss=7.0, accuracy=0.5) == 0.5
    assert space.measured(metric=0.5, accuracy=0.5, ceiling=1.0) == {"accuracy": 0.5}
    assert (space.metric.name, space.metric.better) == ("accuracy", "higher")


def test_the_metric_of_a_distribution_is_the_cross_entropy():
    space, output, target = Distribution(3), torch.tensor(LOGITS), torch.tensor(TARGET)
    assert space.score(space.prediction(output), target).tolist() == pytest.approx(cross_entropies(), rel=1e-5)
    assert space.metric_from(loss=1.5, accuracy=0.5) == 1.5
    assert space.measured(metric=1.5, accuracy=0.5, ceiling=1.25) == {"accuracy": 0.5, "nats_above_floor": 0.25}
    assert (space.metric.better, space.metric.unit) == ("lower", "nats")


@pytest.mark.parametrize(
    ("space", "metric", "bounds", "score"),
    [
        (Classes(3), 0.75, Bounds(0.5, 1.0), 0.5),
        (Classes(3), 0.75, Bounds(0.5, 0.5), math.nan),
        (Classes(3), 0.75, Bounds(0.5, 0.4), math.nan),
        (Classes(3), 0.75, Bounds(0.5, 1.0, 0.24), 0.5),
        (Classes(3), 0.75, Bounds(0.5, 1.0, 0.25), math.nan),
        (Distribution(3), 1.25, Bounds(1.5, 0.5, 0.1), 0.25),
        (Distribution(3), 1.25, Bounds(0.5, 1.5, 0.1), math.nan),
        (Distribution(3), math.nan, Bounds(1.5, 0.5, 0.1), math.nan),
        (Scalar(), 0.1, Bounds(0.2, 0.0), 0.5),
    ],
)
def test_the_score_by_hand(space, metric, bounds, score):
    assert space.normalised(metric, bounds) == pytest.approx(score, nan_ok=True)


def test_the_error_of_chance_is_binomial_for_classes_alone():
    assert Classes(2).error_of_chance(0.2, 100) == pytest.approx(0.04)
    assert Distribution(2).error_of_chance(0.6, 100) == Scalar().error_of_chance(0.6, 100) == 0


def test_a_target_that_is_no_class_is_scored_and_not_an_error():
    """It is at positions that are not scored, and is left out afterwards."""
    space = Distribution(3)
    assert space.score(space.prediction(torch.tensor(LOGITS)), torch.tensor([-1, 1, 1, 0])).shape == (4,)


def test_scalars_are_trained_with_the_squared_error_and_right_within_the_tolerance():
    space, target = Scalar(), torch.tensor([0.25, 0.5, 1.0, 2.0])
    errors = [0.0, 0.0390625, -0.041015625, math.nan]
    output = (target + torch.tensor(errors)).unsqueeze(1)
    squares = [error**2 for error in errors[:3]]
    assert space.loss(output[:3], target[:3]).item() == pytest.approx(sum(squares) / 3)
    assert space.loss(output[:3], target[:3], reduction="sum").item() == pytest.approx(sum(squares))
    assert space.correct(output, target).tolist() == [True, True, False, False]
    assert space.score(space.prediction(output), target)[:3].tolist() == pytest.approx(squares)
    assert space.metric_from(loss=0.125, accuracy=0.5) == 0.125
    assert space.measured(metric=0.125, accuracy=0.5, ceiling=0.0) == {"mse": 0.125, "within": 0.5}
    assert (space.size, space.discrete, space.metric.better) == (1, False, "lower")


@pytest.mark.parametrize("space", [Classes(3), Distribution(3), Scalar()])
def test_what_is_reported_is_declared(space):
    declared = {quantity.name for quantity in space.quantities}
    assert declared == space.measured(metric=1.0, accuracy=0.5, ceiling=0.0).keys()


@pytest.mark.parametrize("name", list(TASKS))
def test_chance_and_ceiling_are_in_the_direction_of_the_metric(name):
    task = TASKS[name]()
    length = next(n for n in range(13, 4096) if task.accepts(n))
    better = task.target_space.metric.better
    assert (task.ceiling(length) > task.chance(length)) == (better == "higher")
