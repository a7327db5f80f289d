"""What the process of a trial may do, good and bad, without torch, so that its fork server starts in no time.

`work` is the target of a launcher; the key of the trial says what it does, and a property of it is an outcome as it is
sent. It is executed in processes of its own.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time


def work(job, connection):
    key = job["trial"]["key"]
    outcome = job["trial"]["properties"]["sent"]["outcome"]
    Trial(key, connection, job["folder"], outcome).run(key.partition("-")[0])


class Trial:
    def __init__(self, key, connection, folder, outcome):
        self.key, self.connection, self.folder, self.outcome = key, connection, folder, outcome
        self.stopped = False
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, number, frame):
        self.stopped = True

    def run(self, name):
        self.say(ready=True)
        getattr(self, name)()

    def say(self, **message):
        self.connection.sendall(json.dumps({"trial": self.key, **message}).encode() + b"\n")

    def end(self, **changes):
        self.say(outcome=self.outcome | changes)

    def fine(self):
        self.say(done=1, total=2)
        measured = {"probe": "accuracy", "quantity": "loss", "value": 0.5, "at": {"step": 3}, "low": None, "high": None}
        self.end(measurements=[measured])

    def slow(self):
        time.sleep(0.2)
        self.end()

    def later(self):
        time.sleep(0.6)
        self.end()

    # Messages that are none.

    def garbage(self):
        for handle in range(3, 64):
            with contextlib.suppress(OSError):
                os.write(handle, b"\x00\xff garbage {\n")
        time.sleep(60)

    def half(self):
        self.connection.sendall(b'{"trial": "half", "outc')

    def forged(self):
        self.connection.sendall(b'{"outcome": "ok", "measurements": []}\n')
        time.sleep(60)

    def foreign(self):
        self.connection.sendall(json.dumps({"trial": "fine-1", "outcome": self.outcome}).encode() + b"\n")
        time.sleep(60)

    def lacking(self):
        self.say(outcome={"outcome": "ok"})

    def undeclared(self):
        measured = {"probe": "accuracy", "quantity": "glory", "value": 1.0, "at": {}, "low": None, "high": None}
        self.end(measurements=[measured])

    def twice(self):
        self.end()
        self.end(outcome="failed")

    def backwards(self):
        self.say(done=3, total=-2)

    def deep(self):
        self.connection.sendall(b"[" * 100_000 + b"\n")

    def floods(self):
        while True:
            self.connection.sendall(b"\n" * 65536)

    def endless(self):
        while True:
            self.connection.sendall(b"x" * 65536)

    # Ways to end.

    def exits(self):
        print("what it said last\n", flush=True)
        os._exit(3)

    def realtime(self):
        os.kill(os.getpid(), 40)

    def processor(self):
        os.kill(os.getpid(), signal.SIGXCPU)

    def raises(self):
        raise ValueError("not with me")

    def closes(self):
        self.connection.close()
        time.sleep(60)

    def hangs(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)

    def stops(self):
        os.kill(os.getpid(), signal.SIGSTOP)

    # What it leaves behind or uses up.

    def leaves(self):
        """Leave one child in its group, and one in a session of its own, whose parent has ended."""
        first = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        if os.fork() == 0:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            self.note("orphan", os.getpid())
            time.sleep(60)
        self.note("child", first.pid)
        while not os.path.exists(f"{self.folder}/orphan"):
            time.sleep(0.01)
        self.end()

    def note(self, name, text):
        with open(f"{self.folder}/{name}.part", "w") as file:
            file.write(str(text))
        os.rename(f"{self.folder}/{name}.part", f"{self.folder}/{name}")

    def eats(self):
        if os.fork() == 0:
            self.kept = os.urandom(1000) * 200_000
        time.sleep(60)

    def babbles(self):
        os.remove(f"{self.folder}/logs/{self.key}.log")
        while True:
            os.write(1, b"babble " * 10_000)

    def handles(self):
        listed = sorted(map(int, os.listdir("/proc/self/fd")))
        # Without that of the listing itself.
        found = [handle for handle in listed if os.path.exists(f"/proc/self/fd/{handle}")]
        self.end(reason=" ".join(map(str, found)), path=str(self.connection.fileno()))

    # What it does to the fork server, which is its parent.

    def parricide(self):
        time.sleep(0.1)
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)

    def once(self):
        """Kill the fork server the first time, as somebody else may do."""
        if not os.path.exists(f"{self.folder}/killed"):
            self.note("killed", "")
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        self.end()

    def polite(self):
        """Checkpoint when asked to."""
        while not self.stopped:
            time.sleep(0.01)
        self.end(outcome="interrupted", reason="at step 3 of 9")
