"""The quota of processor time of a container, read from a root folder that is made up."""

import os

import pytest

from runner.execution.manifest import describe
from runner.trial import machine
from runner.trial.quota import quota


@pytest.fixture
def root(tmp_path):
    def _root(groups, **files):
        """A root folder; __ in a name is a slash."""
        written = {"proc/self/cgroup": groups, **{f"sys/fs/cgroup/{name}": text for name, text in files.items()}}
        for name, text in written.items():
            path = tmp_path / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return _root


def test_there_is_no_quota_where_nothing_says_so(tmp_path):
    assert quota(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("50000 100000\n", 0.5),
        ("250000 100000\n", 2.5),
        ("max 100000\n", None),
        ("", None),
        ("a b", None),
        ("1 0", None),
    ],
)
def test_version_2(root, text, cores):
    assert quota(root("0::/\n", cpu_dot_max=text)) == cores


def test_the_smallest_of_the_groups_above_counts(root):
    files = {"cpu_dot_max": "400000 100000", "a__cpu_dot_max": "100000 50000", "a__b__cpu_dot_max": "max 100000"}
    assert quota(root("0::/a/b\n", **files)) == 2


def test_a_container_that_reads_the_path_of_its_host(root):
    assert quota(root("0::/docker/0123abc\n", cpu_dot_max="150000 100000")) == 1.5
    assert quota(root("0::/../other\n", cpu_dot_max="150000 100000")) == 1.5


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("text", "cores"), [("75000\n", 0.75), ("-1\n", None)])
def test_version_1(root, folder, text, cores):
    groups = f"5:memory:/x\n4:{folder}:/docker/0123abc\n0::/\n"
    files = {f"{folder}__cpu.cfs_quota_us": text, f"{folder}__cpu.cfs_period_us": "100000\n"}
    assert quota(root(groups, **files)) == cores


def test_what_cannot_be_read_is_no_quota(root):
    assert quota(root("\x00\n:::\n0::\n", cpu_dot_max="9" * 400 + " 1e999")) is None


def test_a_folder_is_no_quota(root):
    assert quota(root("0::/\n", cpu_dot_max__x="")) is None


@pytest.mark.parametrize(("cores", "number"), [(0.5, 1), (1.9, 1), (3.0, 3), (5.0, 5), (7.0, 5), (None, 5)])
def test_a_quota_limits_the_cores(monkeypatch, cores, number):
    usable = [0, 2, 3, 5, 7]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(usable), raising=False)
    monkeypatch.setattr(machine, "quota", lambda: cores)
    found = machine.cores()
    assert len(set(found)) == number
    assert set(found) <= set(usable)
    assert found == machine.cores(), "the same ones each time"
    told = cores is not None and cores < 5
    assert ("quota" in describe()) == told
    assert (f"quota of {cores} cores" in machine.machine("cpu")) == (told and cores != 3)
    assert f", {number} core" in machine.machine("cpu")
