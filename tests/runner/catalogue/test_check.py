"""`check` shows the result of every check, of every kind that has the name."""

import io

import pytest
from rich.console import Console

from mechanisms import NORMALIZERS, POSITIONS
from registry import UserError
from runner.catalogue.check import check_name


def shown(name):
    console = Console(file=io.StringIO(), width=200)
    passed = check_name(console, name)
    return passed, console.file.getvalue()


@pytest.fixture
def register():
    """Register a class under a name for one test."""
    registered = []

    def add(registry, name, value):
        registry.register(name)(value)
        registered.append((registry, name))

    yield add
    for registry, name in registered:
        registry.forget(name)


class Together(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        if scores.numel() and scores.max().item() > 1e6:
            scores = scores / 2
        return super().forward(scores, mask)


class Unmasked(NORMALIZERS["softmax"]):
    def forward(self, scores, mask=None):
        return super().forward(scores)


def test_what_a_check_finds_out_is_shown_and_is_no_failure(register):
    register(NORMALIZERS, "together", Together)
    passed, text = shown("together")
    assert passed
    assert "ok   compiles\n       torch.compile does not take it whole: " in text
    assert text.endswith("All checks passed.\n")


def test_a_failure_is_shown_with_its_sentence(register):
    register(NORMALIZERS, "together", Unmasked)
    passed, text = shown("together")
    assert not passed
    assert "FAIL masked keys are out\n       a masked key has a weight that is not zero" in text
    assert "ok   constructs\n" in text
    assert text.endswith("Some checks failed; see above.\n")


def test_a_class_that_cannot_be_built_is_checked_no_further(register):
    register(NORMALIZERS, "together", type("NotOne", (), {}))
    passed, text = shown("together")
    assert not passed
    assert text.splitlines()[1:] == [
        "  FAIL constructs",
        "       NotOne is not a Normalizer: write `class NotOne(Normalizer)`",
        "Some checks failed; see above.",
    ]


def test_every_kind_that_has_the_name_is_checked(register):
    register(NORMALIZERS, "together", Together)
    register(POSITIONS, "together", type("Nothing", (POSITIONS["none"],), {}))
    passed, text = shown("together")
    assert passed
    assert "normalizer together\n" in text
    assert "position together\n" in text


def test_an_unknown_name_is_an_error():
    with pytest.raises(UserError, match="nothing is called 'togther'"):
        shown("togther")
