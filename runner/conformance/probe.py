"""What a probe must satisfy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from mechanisms.conformance.expect import without_shape_checks
from registry import Check, CheckError, Quantity, UserError, only_if
from registry.quantity import by_name
from results import Measurement
from tasks import Classes, Distribution, Scalar

from ..probes import PROBES, Probe
from ..training import seeds
from ..training.trainer import QUANTITIES
from .observation import Observation, observe, observed


def constructs(value: type[Probe]) -> None:
    _expect(isinstance(value(), Probe), f"{value.__name__} is not a Probe: write `class {value.__name__}(Probe)`")
    _expect(
        value.measures_untrained() or value.measures_trained(),
        "it overrides neither `untrained` nor `trained`, so it measures nothing: override one of them",
    )


def declares_quantities(value: type[Probe]) -> None:
    """`quantities` is a tuple of Quantity, and nothing else that measures declares one of them differently."""
    declared = value.quantities
    tuple_of = isinstance(declared, tuple) and all(isinstance(each, Quantity) for each in declared)
    _expect(tuple_of, f"`quantities` must be a tuple of Quantity, and is {declared!r}: is a comma missing?")
    others = [entry.value.quantities for entry in PROBES.entries() if entry.value is not value]
    spaces = [space.quantities for space in (Classes, Distribution, Scalar)]
    try:
        by_name([*QUANTITIES, *declared, *chain.from_iterable([*others, *spaces])])
    except UserError as error:
        raise CheckError(str(error)) from None


def measures_every_subject(value: type[Probe]) -> None:
    """It raises for no mechanism and no task, and measures something of one of them."""
    for each in observed(value):
        _expect(
            not each.error,
            f"it raised for {each.subject}: {each.error}. If it cannot measure a subject, it should yield nothing",
        )
    _expect(any(each.yielded for each in observed(value)), "it yielded nothing for any mechanism and task")


def yields_measurements(value: type[Probe]) -> None:
    for each in observed(value):
        for found in each.yielded:
            _expect(isinstance(found, Measurement), f"it must yield Measurement, and yielded a {type(found).__name__}")


@only_if(lambda value: any(entry.value is value for entry in PROBES.entries()))
def names_itself(value: type[Probe]) -> None:
    name = next(entry.name for entry in PROBES.entries() if entry.value is value)
    for each in _measurements(value):
        _expect(each.probe == name, f"the first argument of Measurement is its name, '{name}', and not '{each.probe}'")


def declares_what_it_yields(value: type[Probe]) -> None:
    """Every quantity is declared, with the coordinates at which it is measured."""
    for observation in observed(value):
        declared = by_name([*QUANTITIES, *value.quantities, *observation.of_the_task])
        for each in observation.measurements:
            _expect(
                each.quantity in declared,
                f"it yielded the quantity '{each.quantity}', which is not in its `quantities`",
            )
            for name in each.at.keys() - {"stage"}:
                _expect(
                    name in declared[each.quantity].over,
                    f"'{each.quantity}' was measured at a {name}, which is not in `over` of its Quantity",
                )


def values_are_numbers(value: type[Probe]) -> None:
    """Values are finite or NaN, and a quartile below is not above one."""
    for each in _measurements(value):
        numbers = [number for number in (each.low, each.value, each.high) if number is not None]
        for number in numbers:
            _expect(
                isinstance(number, int | float) and not isinstance(number, bool),
                f"a value of '{each.quantity}' is a {type(number).__name__}: write float(...) around it",
            )
            _expect(
                not math.isinf(number),
                f"a value of '{each.quantity}' is {number}: values are finite, or NaN if there is no number",
            )
        known = [number for number in numbers if not math.isnan(number)]
        _expect(
            known == sorted(known), f"`low`, `value` and `high` of '{each.quantity}' are not in this order: {known}"
        )


def coordinates_are_plain(value: type[Probe]) -> None:
    """Coordinates are whole numbers or words."""
    for each in _measurements(value):
        for name, place in each.at.items():
            _expect(
                type(place) in (int, str),
                f"the coordinate {name} of '{each.quantity}' is a {type(place).__name__}, and must be a whole number "
                "or a word",
            )


def measures_each_number_once(value: type[Probe]) -> None:
    for observation in observed(value):
        counts = Counter((quantity, *map(str, at)) for quantity, at, _ in observation.values)
        twice = next((quantity for (quantity, *_), count in counts.items() if count > 1), None)
        _expect(
            twice is None,
            f"it yielded '{twice}' more than once at the same coordinates, for {observation.subject}: is one missing "
            "in `at`?",
        )


# A probe that times something measures alone, and two times differ.
@only_if(lambda value: not value.alone)
def repeatable(value: type[Probe]) -> None:
    """A second probe measures the same numbers of the same subjects."""
    _expect_same(
        observed(value),
        observe(value),
        "measuring {} twice gave different numbers: draw from `subject.generator(...)` and keep nothing between calls; "
        "a probe that times something sets `alone = True`",
    )


@only_if(lambda value: not value.seeded and not value.alone)
def independent_of_weights(value: type[Probe]) -> None:
    """With other initial weights it measures the same numbers, as `seeded = False` says."""
    _expect_same(
        observed(value),
        observe(value, seed=1),
        "`seeded = False` says that nothing depends on the initial weights, but with other weights {} gave other "
        "numbers",
    )


def leaves_the_network(value: type[Probe]) -> None:
    """The trained network is the same after measuring, in the same mode."""
    for each in observed(value):
        _expect(
            not each.changed,
            f"measuring {each.subject} changed the {', the '.join(each.changed[:3])}: measure a copy, or inside "
            "`with evaluating(subject.network):`",
        )


def no_global_randomness(value: type[Probe]) -> None:
    """No global random generator is used."""
    for each in observed(value):
        _expect(
            not each.generators,
            f"it used the global random generator of {' and '.join(each.generators)}: draw from "
            '`subject.generator(...)`, and initialise modules inside `with scoped("..."):`',
        )


CHECKS: Sequence[Check] = (
    constructs,
    declares_quantities,
    measures_every_subject,
    yields_measurements,
    names_itself,
    declares_what_it_yields,
    values_are_numbers,
    coordinates_are_plain,
    measures_each_number_once,
    repeatable,
    independent_of_weights,
    leaves_the_network,
    no_global_randomness,
)


@contextmanager
def isolated() -> Iterator[None]:
    """Seed the global random generators, and restore them afterwards."""
    with seeds.process("check"), without_shape_checks():
        yield


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise CheckError(message)


def _measurements(value: type[Probe]) -> Iterator[Measurement]:
    for each in observed(value):
        yield from each.measurements


def _expect_same(first: Sequence[Observation], second: Iterator[Observation], message: str) -> None:
    for one, other in zip(first, second, strict=True):
        # As text, since NaN is not equal to itself.
        _expect(repr(one.values) == repr(other.values), message.format(one.subject))
