"""The command line on disks that are full or read-only: one sentence, and nothing that is taken for whole."""

import errno
import os
import tempfile

import pytest

from results import Outcome, Store
from results.charts import files
from results.report.html import report_is_current
from tests.results.synthetic import write_run
from tests.results.trials import planned


@pytest.fixture
def finished(tmp_path):
    with Store(tmp_path / "results.sqlite") as store:
        store.plan([planned("a", "lstm", "copy", length=20)])
        store.finish("a", Outcome("ok"))
    return tmp_path


def failing(number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "No space left on device; make space, and give the same command again"),
        (errno.EROFS, "Read-only file system"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_a_report_that_cannot_be_written_is_a_sentence(shell, finished, monkeypatch, number, sentence):
    monkeypatch.setattr(tempfile, "mkstemp", failing(number))
    done = shell.inside("report", finished)
    assert done.returncode == 1
    assert done.stderr == f"error: {finished}/report/trials.csv cannot be used: {sentence}\n"
    assert not report_is_current(finished)


def test_too_few_open_files_are_a_sentence(shell, finished, monkeypatch):
    monkeypatch.setattr("runner.cli.commands.show_report", failing(errno.EMFILE))
    done = shell.inside("report", finished)
    assert done.returncode == 1
    assert done.stderr == "error: this machine allows too few open files; raise the limit with ulimit -n 1024\n"


@pytest.mark.slow
def test_a_figure_for_which_there_is_no_space_is_no_fault_of_its_view(shell, tmp_path, monkeypatch):
    run = write_run(tmp_path, [("lstm", None)], seeds=1)

    def full(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(files, "write_bytes", full)
    done = shell.inside("report", run)
    assert done.returncode == 1
    assert "cannot be used: No space left on device; make space" in done.stderr
    assert not report_is_current(run)


@pytest.mark.parametrize(
    "spoil", [lambda path: path.write_bytes(b"garbage" * 999), lambda path: os.truncate(path, 9000)]
)
@pytest.mark.parametrize("command", ["status", "report"])
def test_a_damaged_store_is_a_sentence(shell, finished, spoil, command):
    spoil(finished / "results.sqlite")
    done = shell.inside(command, finished)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {finished / 'results.sqlite'} cannot be read as the results of a run: ")
    assert "move it away and run the suite again, or put a copy of it in its place" in done.stderr
