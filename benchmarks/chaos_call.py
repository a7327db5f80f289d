"""One call of the command line that `chaos` watches and sends a signal to."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "ATTENTION_BENCH_CHAOS"  # marks all processes of a call in their environment
VICTIMS = ("driver", "server", "trial", "group")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
PHASES = ("start", "training", "evaluation", "storing", "report")
# How long a phase lasts, so that a kill comes somewhere in it. A transaction takes milliseconds.
DELAY = {"start": 5.0, "training": 1.5, "evaluation": 0.4, "storing": 0.002, "report": 6.0}
LONGEST_CALL = 180.0
PATIENCE = 15.0  # seconds until processes that should end have ended


class Call:
    """`python -m runner run SUITE --retry` in a folder with a temporary folder of its own."""

    def __init__(self, folder: Path, suite: Path, number: int) -> None:
        self.run = folder / "runs" / "chaos"
        self.output = folder / "output" / f"{number}.txt"
        self._logs = {path: path.stat().st_size for path in self.run.glob("logs/*")}
        self._token = f"{folder}/{number}"
        words = ["run", str(suite), "--out", str(folder / "runs"), "--device", "cpu", "--retry", "--workers", "2"]
        environment = os.environ | {TOKEN: self._token, "TMPDIR": str(folder / "tmp"), "COLUMNS": "200"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runner", *words],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._end = time.monotonic() + LONGEST_CALL

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def phase(self) -> str:
        """Return what the run does now, as its output and its files show it."""
        text = self.text()
        if "Writing the report" in text:
            return "report"
        if " to run" not in text:
            return "start"
        if self.run.joinpath("results.sqlite-journal").exists():
            return "storing"
        return "evaluation" if any(map(self._evaluates, self.run.glob("logs/*"))) else "training"

    def _evaluates(self, log: Path) -> bool:
        written = log.read_bytes()
        return len(written) > self._logs.get(log, 0) and written.endswith(b"evaluating\n")

    def victims(self, kind: str) -> list[int]:
        """Return the processes of one kind that there are now."""
        if kind in ("driver", "group"):
            return [self.process.pid]
        servers, trials = [], []
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if any("server" in word for word in child.cmdline()):
                    servers.append(child.pid)
                    trials += [each.pid for each in child.children()]
        return servers if kind == "server" else trials

    def kill(
        self, phase: str, victim: str, number: signal.Signals, random_: random.Random
    ) -> tuple[str, str, str] | None:
        """Wait for the phase, and send the signal at a random moment of it, or in the report where that comes first.

        Returns victim, signal and the phase in which it came; None if the call has ended before.
        """
        if self._await(phase, victim) == "report" != phase:
            phase, victim = "report", "driver" if victim in ("server", "trial") else victim
        time.sleep(random_.uniform(0, DELAY[phase]))
        pids, now = self.victims(victim), phase if phase == "storing" else self.phase()
        if not pids or self.process.poll() is not None:
            return None
        try:
            if victim == "group":
                os.killpg(self.process.pid, number)
            else:
                os.kill(random_.choice(pids), number)
        except ProcessLookupError:
            return None
        return victim, number.name, now

    def _await(self, phase: str, victim: str) -> str:
        """Wait until the phase has come and the victim is there, or the report, or the end of the call."""
        journal = self.run / "results.sqlite-journal"
        while self.process.poll() is None and time.monotonic() < self._end:
            now = self.phase()
            if now == "report" or (now == phase and self.victims(victim)):
                return now
            # A transaction is short, so that it is looked for often.
            for _ in range(40 if phase == "storing" and now != "start" else 0):
                if journal.exists():
                    return phase
                time.sleep(0.0005)
            time.sleep(0 if phase == "storing" else 0.02)
        return phase

    def end(self, sent: Sequence[str] = ()) -> list[str]:
        """Wait until the call has ended, and return what is wrong with how it did after these signals."""
        problems = []
        try:
            self.process.wait(max(1.0, self._end - time.monotonic()))
        except subprocess.TimeoutExpired:
            problems.append(f"it did not end within {LONGEST_CALL:g} seconds")
            self.process.kill()
            self.process.wait()
        code = self.process.returncode
        numbers = [signal.Signals[name].value for name in sent]
        allowed = {0, 2, 130, *(-each for each in numbers), *(128 + each for each in numbers)} if sent else {0}
        if code not in allowed:
            problems.append(f"exit code {code}: {self.text()[-300:]!r}")
        if "Traceback" in self.text():
            problems.append(f"a traceback: {self.text()[-300:]!r}")
        return problems + self._left()

    def _left(self) -> list[str]:
        """Wait for the processes of the call, and kill those that stay."""
        end = time.monotonic() + PATIENCE
        while found := [process for process in psutil.process_iter() if self._is_ours(process)]:
            if time.monotonic() > end:
                for process in found:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
                return [f"{len(found)} processes stay behind"]
            time.sleep(0.1)
        return []

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(TOKEN) == self._token
        except psutil.Error:
            return False
