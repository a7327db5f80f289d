"""Kills runs at random moments, and compares their stores with the store of an undisturbed run.

    .venv/bin/python -m benchmarks.chaos [--kills 100] [--minutes 30] [--seed 0] [--folder FOLDER]

`make chaos` does this. A series is one run folder: the same command is started again and again, and each time the
driver, the process that starts trials, a trial or the whole process group gets a signal, until a call of the command
is left alone and ends. Then the store must be that of the undisturbed run, but for seconds, sessions and attempts. A
plug-in makes trials write a checkpoint every 0.2 seconds.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chaos_call import PHASES, SIGNALS, VICTIMS, Call
from results import Store
from results.report.html import report_is_current

SUITE = """name: chaos
seeds: 2
mechanisms: [gru, rnn_attention, transformer: {heads: 2}]
tasks:
  - copy: {length: 12, pretrain: [null, {copy: {length: 4, steps: 60}}]}
train:
  {width: 32, batch: 32, steps: 150, learning_rate: 0.0001, evaluate_every: 30, validation_examples: 64,
   test_examples: 64}
probes: [accuracy, gradient_flow: {lengths: [16]}, fingerprint]
keep: {weights: 1}
limits: {seconds: 120, memory: 4GB}
plugins: [fingerprint.py]
"""

PLUGIN = '''"""A probe that is exact to the last bit, and says in the log when it works."""
import time

import runner.training.trainer
from runner.probes import PROBES, Measurement, Probe, Quantity

runner.training.trainer.CHECKPOINT_SECONDS = 0.2


@PROBES.register("fingerprint")
class Fingerprint(Probe):
    """The sum of all weights after training."""

    quantities = (Quantity("fingerprint", "sum of the weights", digits=9),)

    def trained(self, subject):
        print("evaluating", flush=True)
        time.sleep(0.4)
        total = sum(float(each.detach().double().sum()) for each in subject.network.parameters())
        print("evaluated", flush=True)
        yield Measurement("fingerprint", "fingerprint", total)
'''

# What a kill may change: how long a trial took, in which call of the command, and how often it was begun. The checksum
# of a row covers these too.
MAY_DIFFER = ("seconds", "session", "attempts", "checksum")
TABLES = {
    "trial": "key",
    "measurement": "trial, rowid",
    "array": "trial, rowid",
    "quantity": "name",
    "unavailable": "name",
}
KILLS_OF_A_SERIES, IN_THE_REPORT = 12, 3
# The report comes when all trials have ended, so that a series is killed there last.
WEIGHTS = {"start": 1, "training": 4, "evaluation": 2, "storing": 2, "report": 0}
LAST_WEIGHTS = {"start": 1, "training": 0, "evaluation": 0, "storing": 0, "report": 5}


@dataclass
class Tally:
    """What has happened so far."""

    kills: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    series: int = 0
    calls: int = 0
    journals: int = 0

    def problem(self, text: str) -> None:
        self.problems.append(text)
        print(f"  PROBLEM: {text}", flush=True)


def contents(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of a store but for what may differ."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        found = {}
        for name, order in TABLES.items():
            columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})") if row[1] not in MAY_DIFFER]
            found[name] = db.execute(f"SELECT {', '.join(columns)} FROM {name} ORDER BY {order}").fetchall()
    db.close()
    return found


def integrity(store: Path) -> str:
    """Return what SQLite says of a store whose rows can all be read, "ok" where nothing is wrong."""
    with Store(store, read_only=True) as opened:
        opened.snapshot(), opened.arrays()
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        answer = str(db.execute("PRAGMA integrity_check").fetchone()[0])
    db.close()
    return answer


def differing(pairs: list[tuple[tuple[object, ...], tuple[object, ...]]]) -> str:
    """Return the first values that differ."""
    return str(
        [(one, other) for row, another in pairs[:1] for one, other in zip(row, another, strict=True) if one != other]
    )


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def compare(reference: Path, series: Path, tally: Tally) -> None:
    """Compare the finished run of a series with the undisturbed one."""
    expected, run = reference / "runs" / "chaos", series / "runs" / "chaos"
    before, after = contents(expected / "results.sqlite"), contents(run / "results.sqlite")
    for name, rows in before.items():
        if after[name] != rows:
            wrong = [pair for pair in zip(rows, after[name], strict=False) if pair[0] != pair[1]]
            tally.problem(
                f"{series.name}: the table {name} differs, {len(rows)}, {len(after[name])} rows: {differing(wrong)}"
            )
    if (answer := integrity(run / "results.sqlite")) != "ok":
        tally.problem(f"{series.name}: integrity_check says {answer}")
    for where in (Path("runs"), Path("tmp")):
        if left := files(series / where) - files(reference / where):
            tally.problem(f"{series.name}: files stay behind in {where}: {sorted(left)[:5]}")
    if not report_is_current(run):
        tally.problem(f"{series.name}: the report is not that of the store")


def prepare(folder: Path) -> Path:
    for name in ("runs", "tmp", "output"):
        (folder / name).mkdir(parents=True)
    return folder


def undisturbed(folder: Path, suite: Path) -> None:
    """Make the run that others are compared with. Exits where it does not end well."""
    call = Call(prepare(folder), suite, 0)
    if problems := call.end():
        sys.exit(f"the undisturbed run failed: {problems}\n{call.text()}")


def aim(random_: random.Random, last: bool) -> tuple[str, str, signal.Signals]:
    """Choose a phase, a victim that exists in it, and a signal."""
    weights = LAST_WEIGHTS if last else WEIGHTS
    phase = random_.choices(PHASES, [weights[each] for each in PHASES])[0]
    victims = VICTIMS if phase in ("training", "evaluation") else ("driver", "group")
    return phase, random_.choice(victims), random_.choice(SIGNALS)


def shoot(call: Call, most: int, random_: random.Random) -> list[tuple[str, str, str]]:
    """Send signals until one has ended the call. It goes on where a trial or the process that starts them is killed."""
    shots: list[tuple[str, str, str]] = []
    while len(shots) < most and (not shots or shots[-1][0] in ("server", "trial")):
        shot = call.kill(*aim(random_, most - len(shots) <= IN_THE_REPORT), random_)
        if shot is None:
            break
        shots.append(shot)
    return shots


def one_series(folder: Path, suite: Path, kills: int, random_: random.Random, tally: Tally, end: float) -> None:
    """Kill the calls of one run folder up to `kills` times, then let it end, and leave the folder for comparison."""
    prepare(folder)
    done = 0
    for number in range(1, 4 * kills):
        call = Call(folder, suite, number)
        tally.calls += 1
        shots = [] if time.monotonic() > end else shoot(call, kills - done, random_)
        for problem in call.end([number for _, number, _ in shots]):
            tally.problem(f"{folder.name}, call {number}, {shots}: {problem}")
        tally.kills.update(shots)
        tally.journals += bool(shots) and (folder / "runs" / "chaos" / "results.sqlite-journal").exists()
        done += len(shots)
        if not shots and call.process.returncode == 0:
            return
    tally.problem(f"{folder.name}: it has not ended after {4 * kills} calls")


def show(tally: Tally, seconds: float) -> None:
    """Print the kills by victim, signal and phase, and what went wrong."""
    print(f"\n| victim | signal | {' | '.join(PHASES)} |\n|---|---|{'---:|' * len(PHASES)}")
    for victim in VICTIMS:
        for number in SIGNALS:
            counts = [tally.kills[victim, number.name, phase] for phase in PHASES]
            if any(counts):
                print(f"| {victim} | {number.name} | {' | '.join(str(count or '') for count in counts)} |")
    total = sum(tally.kills.values())
    print(f"\n{total} kills in {tally.series} series and {tally.calls} calls, {seconds / 60:.0f} minutes;")
    print(f"{tally.journals} kills left a transaction of the store unfinished; {len(tally.problems)} problems")
    for problem in tally.problems:
        print(f"- {problem}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--minutes", type=float, default=30, help="no kill is begun later")
    parser.add_argument("--seed", type=int, default=0, help="chooses victims, signals and moments")
    parser.add_argument("--folder", type=Path, help="where runs and outputs are kept; a temporary folder by default")
    options = parser.parse_args()
    random_, tally, begin = random.Random(options.seed), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = (options.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        suite = folder / "chaos.yaml"
        suite.write_text(SUITE)
        (folder / "fingerprint.py").write_text(PLUGIN)
        undisturbed(folder / "reference", suite)
        print(f"undisturbed: {time.monotonic() - begin:.0f} seconds", flush=True)
        end = begin + 60 * options.minutes
        while (left := options.kills - sum(tally.kills.values())) > 0 and time.monotonic() < end:
            tally.series += 1
            series = folder / f"series-{tally.series}"
            one_series(series, suite, min(KILLS_OF_A_SERIES, left), random_, tally, end)
            compare(folder / "reference", series, tally)
            print(f"{sum(tally.kills.values())} kills, {time.monotonic() - begin:.0f} seconds", flush=True)
    show(tally, time.monotonic() - begin)
    sys.exit(1 if tally.problems else 0)


if __name__ == "__main__":
    main()
