"""Commands that call a plug-in show what it does to a process, and go on."""

import pytest

from registry import UserError
from runner.catalogue import check, costs, describe, examples
from runner.plugins import load_plugins
from runner.suite.mechanisms import Mechanism
from tests.runner.catalogue.test_check import shown

pytestmark = pytest.mark.usefixtures("forget_plugins")

TEXT = """
import os, time
from mechanisms import MODELS
from mechanisms.alignments import ALIGNMENTS, InnerProduct
from tasks import TASKS


@ALIGNMENTS.register("deadly")
class Deadly(InnerProduct):
    def project_query(self, query):
        print("heard")
        os.kill(os.getpid(), 9)


@ALIGNMENTS.register("endless")
class Endless(InnerProduct):
    def project_query(self, query):
        time.sleep(100)


@MODELS.register("exits")
class Exits(MODELS["gru"]):
    def __init__(self, width: int, *, causal: bool = True):
        os._exit(3)


@TASKS.register("aborts")
class Aborts(TASKS["copy"]):
    def sample(self, length, size, generator):
        os.abort()
"""


@pytest.fixture(autouse=True)
def harmful(write):
    load_plugins(folder=write("plugins/harmful.py", TEXT).parent)


def test_check_names_what_happened_after_the_checks_that_passed(capfd):
    passed, text = shown("deadly")
    assert not passed
    assert text.splitlines()[-5:-1] == [
        "alignment deadly",
        "  ok   constructs",
        "  FAIL the checks that follow",
        "       their process gave no results: it was killed by SIGKILL",
    ]
    assert capfd.readouterr().err == "note: alignment deadly printed: heard\n"


def test_a_check_has_a_time_limit(monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 0.5)
    passed, text = shown("endless")
    assert not passed
    assert "their process gave no results: it did not end within 0.5 seconds" in text


def test_costs_are_counted_for_the_others():
    mechanisms = [Mechanism(describe.MODELS.spec(name), 8) for name in ("gru", "exits")]
    mechanisms.append(Mechanism(describe.MODELS.spec({"transformer": {"alignment": "deadly"}}), 8))
    rows = list(costs.of_mechanisms(mechanisms, 10))
    assert [row.problem for row in rows] == [
        None,
        "it ended with exit code 3",
        "it was killed by SIGKILL",
    ]
    assert rows[0].cost is not None


def test_a_description_says_why_there_is_no_more():
    (found,) = [describe.describe("model", entry) for entry in describe.MODELS.entries() if entry.name == "exits"]
    assert found.parameters is None
    assert found.facts == {"more is not known": "it ended with exit code 3"}
    assert found.settings == ()


def test_examples_of_a_task_that_kills_its_process_are_an_error():
    with pytest.raises(UserError, match="aborts: it was killed by SIGABRT"):
        list(examples.examples("aborts", {}, 4, 0, 1, "en", 80))
