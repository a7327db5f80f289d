"""Plug-ins that do harm at import: they are left out, or what they changed is set back."""

import os
import signal
import sys
import warnings

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
