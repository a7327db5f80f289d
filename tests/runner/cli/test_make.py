"""`make` hands its variables to the command line as they were written, whatever is in them."""

import json
import os
import shutil
import subprocess

import pytest

from tests.runner.conftest import ROOT

# Takes the place of Python in a folder of its own, and shows the arguments that it gets.
STUB = """#!/bin/sh
printf '%s\\n' "$@"
"""
ODD = """it's "two" $HOME $(shell echo no) `id` *;&|<#%:="""


@pytest.fixture
def make(tmp_path, write):
    shutil.copy(ROOT / "Makefile", tmp_path)
    write("requirements.lock", "")
    write(".venv/bin/python", STUB).chmod(0o755)
    write(".venv/.installed", "")

    def _make(*arguments, **environment):
        # A make that runs the tests would have this one print the folders that it enters.
        command = ["make", "--no-print-directory", *arguments]
        plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=plain | environment)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return _make


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        (("benchmark",), ["run", "suites/quick.yaml"]),
        (("benchmark", "SEEDS=5"), ["run", "suites/quick.yaml", "--seeds", "5"]),
        (("benchmark", "SEEDS=x y"), ["run", "suites/quick.yaml", "--seeds", "x y"]),
        (("benchmark", "SUITE=my suites/a b.yaml"), ["run", "my suites/a b.yaml"]),
        (("benchmark", f"SUITE={ODD}.yaml"), ["run", f"{ODD}.yaml"]),
        (("report",), ["report", "runs/quick"]),
        (("report", "SUITE=my suites/a b.v2.yaml"), ["report", "runs/a b.v2"]),
        (("report", "RUN=my runs/a b"), ["report", "my runs/a b"]),
        (("report", f"RUN={ODD}"), ["report", ODD]),
        (("new", "NAME=my_score"), ["new", "alignment", "my_score"]),
        (("new", "NAME=my score", "KIND=a view"), ["new", "a view", "my score"]),
        (("check", f"NAME={ODD}"), ["check", ODD]),
    ],
    ids=json.dumps,
)
def test_variables_reach_the_command_line_whole(make, given, arguments):
    assert make(*given) == ["-m", "runner", *arguments]


def test_a_suite_may_be_named_in_the_environment(make):
    assert make("benchmark", SUITE=ODD) == ["-m", "runner", "run", ODD]
