"""What a function may do in a process of its own, and what its caller is told."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from registry import UserError
from registry.harm import lasting
from registry.isolation import Apart, ApartError


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError


def speechless():
    raise Unspeakable


def surrogate():
    raise ValueError("\udcff")


def refused():
    raise UserError("the input is wrong")


def garbage():
    """Write into every file that is open."""
    for file in range(200):
        try:
            os.write(file, b"\x00garbage\n{")
        except OSError:
            continue
    return "survived"


WAYS = {
    "SIGKILL": (lambda: os.kill(os.getpid(), signal.SIGKILL), "it was killed by SIGKILL"),
    "a signal without a name": (lambda: os.kill(os.getpid(), 40), "it was killed by signal 40"),
    "abort": (os.abort, "it was killed by SIGABRT"),
    "its group": (lambda: os.killpg(0, signal.SIGTERM), "it was killed by SIGTERM"),
    "exit": (lambda: os._exit(3), "it ended with exit code 3"),
    "sys.exit": (lambda: sys.exit(3), "it raised SystemExit: 3"),
    "KeyboardInterrupt": (lambda: (_ for _ in ()).throw(KeyboardInterrupt), "it raised KeyboardInterrupt"),
    "an error": (lambda: 1 // 0, "ZeroDivisionError: integer division or modulo by zero"),
    "an error without a message": (speechless, "Unspeakable: its message cannot be shown"),
    "a message with a surrogate": (surrogate, "ValueError: \\udcff"),
    "a hang": (lambda: time.sleep(100), "it did not end within 0.3 seconds"),
    "a stop": (lambda: os.kill(os.getpid(), signal.SIGSTOP), "it did not end within 0.3 seconds"),
    "closed files": (lambda: os.closerange(0, 200), "it gave no result: did it close files that are not its own?"),
    "no JSON": (object, "TypeError: Object of type object is not JSON serializable"),
}


if not hasattr(signal, "SIGRTMIN"):
    del WAYS["a signal without a name"]  # macOS has none


@pytest.mark.parametrize("way", WAYS)
def test_it_says_how_the_process_ended(way):
    call, sentence = WAYS[way]
    with pytest.raises(ApartError) as error:
        Apart(0.3).run(call)
    assert str(error.value) == sentence


def test_a_result_comes_back_and_output_is_kept(capfd):
    process = Apart()
    assert process.run(lambda: {"answer": print("heard") or [1, 2.5, None, "ü"]}) == {"answer": [1, 2.5, None, "ü"]}
    assert process.printed == "heard\n"
    assert capfd.readouterr() == ("", "")


def test_items_come_one_by_one_and_each_has_the_time_limit():
    def slow():
        for number in range(4):
            time.sleep(0.2)
            yield number

    begin = time.monotonic()
    first = [(item, time.monotonic() - begin) for item in Apart(0.6).each(slow)]
    assert [item for item, _ in first] == [0, 1, 2, 3]
    assert first[0][1] < first[3][1] - 0.3


def test_what_is_written_into_foreign_files_is_lost(tmp_path):
    with (tmp_path / "store").open("w+b") as store:
        store.write(b"kept")
        store.flush()
        assert Apart().run(garbage) == "survived"
        assert (tmp_path / "store").read_bytes() == b"kept"


def test_an_error_of_the_user_stays_one():
    with pytest.raises(UserError, match="the input is wrong"):
        Apart().run(refused)


def test_processes_that_it_starts_are_killed():
    child = Apart().run(lambda: subprocess.Popen(["sleep", "60"]).pid)
    deadline = time.monotonic() + 5
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_caller_that_stops_listening_ends_the_process():
    items = Apart().each(lambda: (os.getpid() if not n else time.sleep(100) for n in range(2)))
    child = next(items)
    items.close()
    assert not psutil.pid_exists(child)


def test_a_process_whose_memory_grows_is_killed(monkeypatch):
    monkeypatch.setattr("registry.isolation.MEMORY_SHARE", 1e-9)
    monkeypatch.setattr("registry.isolation.MEMORY_EVERY", 0.01)
    with pytest.raises(ApartError, match=r"it used more than .* GB of memory"):
        Apart(10).run(lambda: time.sleep(5))


@pytest.mark.parametrize(
    ("call", "harm"),
    [
        (lambda: None, None),
        (lambda: threading.Thread(target=time.sleep, args=(100,), daemon=True).start(), None),
        (lambda: threading.Thread(target=time.sleep, args=(100,)).start(), "it starts a thread that does not end"),
        (lambda: subprocess.Popen(["sleep", "60"]), "it starts a process that does not end"),
        (lambda: os.nice(1), "it lowers the limits or the priority of this process"),
    ],
)
def test_harm_that_cannot_be_undone_is_told(call, harm):
    found = Apart().run(lambda: lasting(call))
    assert found is None if harm is None else found.startswith(harm)
