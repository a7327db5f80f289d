"""The one function that runs checks, and the choice of those that apply to a class."""

from contextlib import contextmanager

from registry import CheckError, Result, only_after, only_if
from registry.checks import applies, run_check, run_checks


class Loud:
    loud = True


class Quiet:
    loud = False


def constructs(value):
    value()


@only_if(lambda value: value.loud)
def can_be_heard(value):
    return f"{value.__name__} can be heard"


def fails(value):
    raise CheckError("it is wrong: is something missing?")


def breaks(value):
    raise KeyError("key")


CHECKS = (constructs, can_be_heard, fails, breaks)


def test_each_check_gives_a_result_whatever_it_does():
    assert list(run_checks(CHECKS, Loud)) == [
        Result("constructs", True),
        Result("can_be_heard", True, "Loud can be heard"),
        Result("fails", False, "it is wrong: is something missing?"),
        Result("breaks", False, "it raised KeyError: 'key'"),
    ]


def test_a_check_is_run_only_on_classes_that_declare_what_it_is_for():
    assert [result.check for result in run_checks(CHECKS, Quiet)] == ["constructs", "fails", "breaks"]
    assert [applies(check, Quiet) for check in CHECKS] == [True, False, True, True]


def test_what_needs_a_check_that_fails_is_not_judged():
    def compares(value):
        raise CheckError("two calls differ")

    (needing,) = only_after(fails, compares)
    found = list(run_checks((constructs, fails, needing, can_be_heard), Loud))
    assert [result.check for result in found if not result.judged] == ["compares"]
    assert found[2] == Result("compares", False, "not judged, because the check 'fails' failed", judged=False)
    assert run_check(needing, Loud).message == "two calls differ"
    (needing,) = only_after(can_be_heard, compares)
    assert list(run_checks((constructs, can_be_heard, needing), Loud))[2] == Result(
        "compares", False, "two calls differ"
    )


def test_what_cannot_be_constructed_is_checked_no_further():
    class Broken:
        def __init__(self):
            raise TypeError("no")

    assert list(run_checks(CHECKS, Broken)) == [Result("constructs", False, "it raised TypeError: no")]


def test_each_check_runs_in_a_context_of_its_own():
    entered = []

    @contextmanager
    def isolated():
        entered.append("in")
        yield
        entered.append("out")

    assert not run_check(breaks, Loud, isolated).passed
    assert entered == ["in", "out"]
    list(run_checks(CHECKS, Loud, isolated))
    assert entered == ["in", "out"] * 5
