"""The checks of a probe: each finds a fault and says what is wrong."""

import math
import random

import numpy as np
import pytest
import torch
from torch import nn

from mechanisms import Attention
from runner.conformance.subjects import trained_subjects, untrained_subjects
from runner.probes import PROBES, Measurement, Probe, Quantity, evaluating
from tests.conformance import checks_without_fault, failures, message

NORM = Quantity("norm", "norm of the weights", over=("length",))


class Good(Probe):
    """The norm of the weights, and the mean output at each test length."""

    quantities = (NORM,)

    def untrained(self, subject):
        yield self.measured(sum(float(p.detach().norm()) for p in subject.build().parameters()))

    def trained(self, subject):
        for length in subject.test_lengths:
            batch = subject.examples(length, "norm").batches[0]
            with evaluating(subject.network):
                yield self.measured(float(subject.network(batch).mean()), length=length)

    def measured(self, value, quantity="norm", **at):
        return Measurement("norm", quantity, value, at)


def of_one(name, measuring):
    """A probe that measures, of untrained mechanisms, what the function yields."""

    def untrained(self, subject):
        yield from measuring(self, subject)

    return type(name, (Good,), {"untrained": untrained, "trained": Probe.trained})


class NotAProbe:
    pass


class MeasuresNothing(Probe):
    quantities = (NORM,)


class ForgetsAComma(Good):
    quantities = NORM


class DeclaresDifferently(Good):
    quantities = (NORM, Quantity("accuracy", "accuracy", better="lower"))


class NeedsAttention(Good):
    def untrained(self, subject):
        yield self.measured(subject.build().alignment_weights)


class NeedsLinks(Good):
    def trained(self, subject):
        for batch in subject.examples(subject.length, "links").batches:
            yield self.measured(float(batch.links.sum()), length=subject.length)


class YieldsNothing(Good):
    def untrained(self, subject):
        yield from ()

    trained = untrained


class NeedsWeights(Good):
    """Two subjects give the same numbers, and others do not."""

    seeded = False


class ChangesWeights(Good):
    def trained(self, subject):
        yield from super().trained(subject)
        with torch.no_grad():
            next(subject.network.parameters()).add_(1)


class LeavesEvaluation(Good):
    def trained(self, subject):
        subject.network.eval()
        yield from super().trained(subject)


class Freezes(Good):
    def trained(self, subject):
        subject.network.requires_grad_(False)
        yield from super().trained(subject)


class InitialisesGlobally(Good):
    def untrained(self, subject):
        yield self.measured(float(nn.Linear(2, 3).weight.numel()))


class DrawsFromPython(Good):
    def untrained(self, subject):
        yield self.measured(random.choice([1.0, 1.0]))


class DrawsFromNumPy(Good):
    def untrained(self, subject):
        yield self.measured(np.random.rand() * 0)


class Counts(Good):
    calls = 0

    def untrained(self, subject):
        Counts.calls += 1
        yield self.measured(Counts.calls)


FAULTS = [
    (NotAProbe, "constructs", "NotAProbe is not a Probe: write `class NotAProbe(Probe)`"),
    (MeasuresNothing, "constructs", "it overrides neither `untrained` nor `trained`"),
    (ForgetsAComma, "declares_quantities", "is a comma missing?"),
    (DeclaresDifferently, "declares_quantities", "the quantity 'accuracy' is declared in two ways"),
    (NeedsAttention, "measures_every_subject", "it raised for an untrained transformer: AttributeError"),
    (NeedsLinks, "measures_every_subject", "it raised for a transformer trained on masked_language: AttributeError"),
    (YieldsNothing, "measures_every_subject", "it yielded nothing for any mechanism and task"),
    (of_one("Number", lambda p, s: [1.0]), "yields_measurements", "must yield Measurement, and yielded a float"),
    (
        of_one("Undeclared", lambda p, s: [p.measured(1.0, "size")]),
        "declares_what_it_yields",
        "it yielded the quantity 'size', which is not in its `quantities`",
    ),
    (
        of_one("Elsewhere", lambda p, s: [p.measured(1.0, step=3)]),
        "declares_what_it_yields",
        "'norm' was measured at a step, which is not in `over` of its Quantity",
    ),
    (of_one("Infinite", lambda p, s: [p.measured(math.inf)]), "values_are_numbers", "a value of 'norm' is inf"),
    (
        of_one("ATensor", lambda p, s: [p.measured(torch.ones(()))]),
        "values_are_numbers",
        "a value of 'norm' is a Tensor: write float(...) around it",
    ),
    (
        of_one("Backwards", lambda p, s: [Measurement("norm", "norm", 1.0, {}, low=2.0, high=3.0)]),
        "values_are_numbers",
        "`low`, `value` and `high` of 'norm' are not in this order: [2.0, 1.0, 3.0]",
    ),
    (
        of_one("AtANumber", lambda p, s: [p.measured(1.0, length=2.5)]),
        "coordinates_are_plain",
        "the coordinate length of 'norm' is a float, and must be a whole number or a word",
    ),
    (
        of_one("AtATensor", lambda p, s: [p.measured(1.0, length=torch.tensor(2))]),
        "coordinates_are_plain",
        "the coordinate length of 'norm' is a Tensor",
    ),
    (
        of_one("Twice", lambda p, s: [p.measured(1.0, length=2), p.measured(2.0, length=2)]),
        "measures_each_number_once",
        "it yielded 'norm' more than once at the same coordinates, for an untrained transformer",
    ),
    (Counts, "repeatable", "measuring an untrained transformer twice gave different numbers"),
    (NeedsWeights, "independent_of_weights", "with other weights an untrained transformer gave other numbers"),
    (ChangesWeights, "leaves_the_network", "measuring a transformer trained on copy changed the model."),
    (LeavesEvaluation, "leaves_the_network", "changed the training mode of"),
    (Freezes, "leaves_the_network", "changed the requires_grad of"),
    (InitialisesGlobally, "no_global_randomness", "it used the global random generator of torch"),
    (DrawsFromPython, "no_global_randomness", "it used the global random generator of Python"),
    (DrawsFromNumPy, "no_global_randomness", "it used the global random generator of NumPy"),
]


def test_a_good_probe_passes():
    assert failures(PROBES, Good) == {}


def test_not_a_number_is_a_value():
    missing = of_one("Missing", lambda p, s: [p.measured(math.nan)])
    assert failures(PROBES, missing) == {}


@pytest.mark.parametrize(("value", "check", "sentence"), FAULTS, ids=lambda each: getattr(each, "__name__", None))
def test_a_check_finds_the_fault(value, check, sentence):
    assert sentence in message(PROBES, value, check)


def test_a_registered_probe_writes_its_own_name():
    PROBES.register("another")(type("Another", (Good,), {}))
    try:
        found = failures(PROBES, PROBES["another"])
    finally:
        PROBES.forget("another")
    assert found == {"names_itself": "the first argument of Measurement is its name, 'another', and not 'norm'"}


def test_every_check_has_a_fault():
    assert checks_without_fault(PROBES, (check for _, check, _ in FAULTS)) == {"names_itself"}, "found above"


def test_what_times_is_not_measured_twice():
    class Timed(Counts):
        alone = True

    assert "repeatable" not in {result.check for result in PROBES.check(Timed)}
    assert failures(PROBES, Timed) == {}


def test_subjects_are_with_and_without_attention_and_have_all_kinds_of_targets():
    trained = dict(trained_subjects())
    spaces = {type(subject.task.target_space).__name__ for subject in trained.values()}
    assert spaces == {"Classes", "Distribution", "Scalar"}
    assert {subject.task.feeds_back for subject in trained.values()} == {True, False}
    assert {subject.task.causal for subject in trained.values()} == {True, False}
    assert all(subject.trained.step == 2 for subject in trained.values())
    for subjects in (untrained_subjects(), trained.items()):
        attend = {any(isinstance(part, Attention) for part in subject.build().modules()) for _, subject in subjects}
        assert attend == {True, False}
