"""Plug-ins that do harm at import: they are left out, or what they changed is set back."""

import atexit
import builtins
import importlib.metadata
import os
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
import torch

from runner.catalogue.scaffold import create
from runner.isolation import unchanged
from runner.plugins import load_plugins

HARMFUL = {
    "kills": ("import os; os.kill(os.getpid(), 9)", "it was killed by SIGKILL"),
    "kills_by_number": ("import os; os.kill(os.getpid(), 40)", "it was killed by signal 40"),
    "exits": ("import os; os._exit(0)", "it ended with exit code 0"),
    "leaves": ("import sys; sys.exit(3)", "it raised SystemExit: 3"),
    "interrupts": ("raise KeyboardInterrupt", "it raised KeyboardInterrupt"),
    "closes": ("import os; os.closerange(0, 200)", "it gave no result: did it close files that are not its own?"),
    "threads": (
        "import threading, time; threading.Thread(target=time.sleep, args=(99,)).start()",
        "it starts a thread that does not end and is no daemon: this process would not end either",
    ),
    "starts": ("import subprocess; subprocess.Popen(['sleep', '60'])", "it starts a process that does not end"),
    "raises": ("1 / 0", "ZeroDivisionError: division by zero"),
}

CHANGES = """
import builtins, json, os, random, signal, sys, torch, warnings
import runner.trial.key
print("hello →")
os.write(1, b"raw")
sys.stdout.close()
os.close(1)
os.chdir("/")
os.umask(0)
os.environ["PATH"] = ""
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.alarm(30)
sys.setrecursionlimit(50_000)
sys.stderr = None
random.seed(0)
torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
torch.set_num_threads(3)
torch.set_grad_enabled(False)
torch.backends.cudnn.benchmark = True
torch.use_deterministic_algorithms(True)
warnings.simplefilter("error")
builtins.sum = json.dumps = runner.trial.key.key_of = None
"""


def test_a_plugin_that_does_harm_at_import_is_left_out(write):
    for name, (text, _) in HARMFUL.items():
        write(f"plugins/{name}.py", text)
    good = write("plugins/zz_good.py", "GOOD = True")
    origins, errors = load_plugins(folder=good.parent)
    assert [origin.source for origin in origins] == [str(good)]
    assert errors == {str(good.with_name(f"{name}.py")): reason for name, (_, reason) in HARMFUL.items()}


def test_what_an_import_changes_is_set_back(write, capfd):
    import json

    import runner.trial.key as key

    before = [os.getcwd(), dict(os.environ), signal.getsignal(signal.SIGINT), list(warnings.filters), json.dumps]
    before += [sum, key.key_of, torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()]
    streams, state = (sys.stdout, sys.stderr), torch.get_rng_state()
    path = write("plugins/changes.py", CHANGES)
    origins, errors = load_plugins(folder=path.parent)
    after = [os.getcwd(), dict(os.environ), signal.getsignal(signal.SIGINT), list(warnings.filters), json.dumps]
    after += [sum, key.key_of, torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()]
    assert not errors
    assert len(origins) == 1
    assert after == before
    assert (sys.stdout, sys.stderr) == streams
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.backends.cudnn.benchmark
    assert not torch.are_deterministic_algorithms_enabled()
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    print("still there")
    output, errors = capfd.readouterr()
    assert output == "still there\n"
    printed, changed = errors.splitlines()
    assert printed == f"note: the import of {path} printed: hello → raw"
    for name in ("standard streams", "working directory", "environment", "signal handlers", "json.dumps"):
        assert name in changed


PATCHES = """
import atexit, importlib.metadata, os, pathlib, pickle, sys, tempfile, time
atexit.register(time.sleep, 1000)
atexit.register(os._exit, 3)
tempfile.TemporaryFile = importlib.metadata.entry_points = None
tempfile.tempdir = "/nonexistent"
pathlib.Path.write_text = pathlib.Path.open = pickle.Unpickler = None
sys.path.insert(0, "/added")
"""
UNFINDABLE = """
import sys
sys.meta_path.clear()
sys.path.clear()
sys.path_hooks.clear()
sys.path.append("/added")
sys.modules["results"] = None
del sys.modules["json"]
"""


def test_what_an_import_replaces_or_removes_is_put_back(write, monkeypatch, capfd):
    import json

    import results

    monkeypatch.setattr(sys, "path", list(sys.path))
    handlers, path = atexit._ncallbacks(), list(sys.path)
    before = [tempfile.TemporaryFile, importlib.metadata.entry_points, Path.write_text, Path.open, os.environ]
    before += [list(sys.meta_path), list(sys.path_hooks), vars, tempfile.gettempdir()]
    write("plugins/a_patches.py", PATCHES)
    folder = write("plugins/unfindable.py", UNFINDABLE).parent
    origins, errors = load_plugins(folder=folder)
    after = [tempfile.TemporaryFile, importlib.metadata.entry_points, Path.write_text, Path.open, os.environ]
    after += [list(sys.meta_path), list(sys.path_hooks), vars, tempfile.gettempdir()]
    assert errors == {}
    assert len(origins) == 2
    assert after == before
    assert (sys.modules["results"], sys.modules["json"]) == (results, json)
    assert [each for each in sys.path if each != "/added"] == path
    assert "/added" in sys.path
    assert atexit._ncallbacks() == handlers
    told = capfd.readouterr().err
    for name in ("exit handlers", "tempfile.TemporaryFile", "temporary folder", "Path.open", "sys.path", "sys.modules"):
        assert name in told


def test_what_sets_the_state_back_may_be_replaced_as_well():
    builtin, environment, getcwd = dict(vars(builtins)), os.environ, os.getcwd
    with unchanged() as changed:
        os.environ = os.getcwd = signal.getsignal = None
        builtins.vars = builtins.getattr = builtins.isinstance = None
    assert vars(builtins) == builtin
    assert (os.environ, os.getcwd) == (environment, getcwd)
    named = {f"builtins.{name}" for name in ("vars", "getattr", "isinstance")}
    assert set(changed) == named | {"os.environ", "os.getcwd", "signal.getsignal"}


def test_a_plugin_may_be_the_first_that_imports_a_library(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = atexit._ncallbacks()
    with unchanged() as changed:
        sys.path.append("/added")
        exec("atexit.register(print)", {"__name__": "torch.late", "atexit": atexit})
    assert changed == []
    assert atexit._ncallbacks() == before + 1
    atexit.unregister(print)


def test_a_plugin_from_the_template_changes_nothing(tmp_path, capfd, forget_plugins):
    create("alignment", "plain_score", tmp_path)
    _, errors = load_plugins(folder=tmp_path)
    assert not errors
    assert capfd.readouterr() == ("", "")


def test_without_plugins_no_process_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("a process was started"))
    assert load_plugins(folder=tmp_path) == ([], {})


def test_a_stream_that_was_closed_is_opened_again(monkeypatch):
    stream = open(os.devnull, "w")  # noqa: SIM115
    monkeypatch.setattr(sys, "stdout", stream)
    with unchanged() as changed:
        stream.close()
    assert not sys.stdout.closed
    assert changed == []
