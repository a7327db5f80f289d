"""Faulty plug-ins share a run with sound mechanisms: each spoils its own trial at most, and leaves nothing behind."""

import math
import os
import sqlite3
import time
from pathlib import Path

import psutil
import pytest
import torch

from results import Store
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.trial.measure import measure
from tests.runner.conftest import ROOT
from tests.runner.execution.faulty import FAULTS, GROUPS, LEFT_OUT, table
from tests.runner.execution.faulty.fault import score

LONGEST_REASON = 2500
SOUND = "gru, transformer: {heads: 2, alignment: dot}"
FAULTY = "transformer: {heads: 2, alignment: [plugins]}"
NORMALIZERS = "transformer: {heads: 2, normalizer: [plugins]}"
SOUND_PLUGIN = score("sound", "does nothing wrong", "pass", "ok")

groups = [
    pytest.param(name, marks=() if name == "often" else pytest.mark.slow, id=name.replace(" ", "_")) for name in GROUPS
]


@pytest.mark.parametrize("group", groups)
def test_faulty_plugins_spoil_their_own_trials_at_most(group, shell, tiny, write, monkeypatch):
    monkeypatch.setenv("FAULTY_PLUGINS_OF", str(shell.folder))
    faults = (SOUND_PLUGIN, *GROUPS[group])
    named = [word for fault in faults for word in ("--plugin", write(f"{fault.name}.py", fault.text))]
    faulty = f"{FAULTY}, {NORMALIZERS}" if any("NORMALIZERS" in fault.text for fault in faults) else FAULTY
    suite = tiny(
        mechanisms=f"[{SOUND}, {faulty}]",
        limits=f"{{seconds: {5 if group == 'often' else 10}, memory: 1200MB}}",
    )
    try:
        done = shell.run(suite, *named)
    finally:
        left = processes_of(shell.folder)
    assert done.returncode in (0, 2), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout
    with Store(shell.runs / "tiny" / "results.sqlite", read_only=True) as store:
        trials, measured, unavailable = store.trials(), store.measurements(), store.unavailable()
    assert {fault.name: wrong for fault in faults if (wrong := complaint(fault, trials, unavailable))} == {}
    assert not left, "processes stay behind"
    assert values(trials, measured) == expected(tiny)


def complaint(fault, trials, unavailable):
    """Return how the end of a plug-in differs from what is expected, None if it does not."""
    ends = [(trial["outcome"], trial["reason"] or "") for trial in trials if fault.name in parts_of(trial)]
    reasons = [reason for name, reason in unavailable.items() if Path(name).stem == fault.name]
    outcome, reason = ends[0] if ends else (LEFT_OUT, reasons[0] if reasons else "")
    if outcome not in fault.outcomes or fault.reason not in reason or len(reason) > LONGEST_REASON:
        return outcome, reason[:LONGEST_REASON]
    return None if outcome == "ok" or reason else (outcome, "no reason is given")


def parts_of(trial):
    """Return the names of the alignment and the normalizer of a trial."""
    settings = trial["trial"]["mechanism"]["settings"]
    return [settings[part]["name"] for part in ("alignment", "normalizer") if part in settings]


def processes_of(folder):
    """Return the processes that a run has left behind, and kill them."""
    end = time.monotonic() + 5
    while found := [process for process in psutil.process_iter() if began_for(process, folder)]:
        if time.monotonic() > end:
            for process in found:
                process.kill()
            return [(process.pid, process.cmdline()) for process in found if process.pid != os.getpid()]
        time.sleep(0.1)
    return []


def began_for(process, folder):
    try:
        return process.pid != os.getpid() and process.environ().get("FAULTY_PLUGINS_OF") == str(folder)
    except psutil.Error:
        return False


def values(trials, measured):
    """Return the outcome and the measurements of the sound mechanisms, by key."""
    sound = {trial["key"] for trial in trials if not trial["plugins"]}
    assert {trial["outcome"] for trial in trials if trial["key"] in sound} == {"ok"}
    rows = [row for row in measured if row["trial"] in sound]
    return sorted((row["trial"], row["quantity"], str(row["coordinates"]), repr(row["value"])) for row in rows)


def expected(tiny):
    """Return what the sound mechanisms measure without plug-ins, in this process."""
    suite = tiny(mechanisms=f"[{SOUND}]")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trials = make_plan(SuiteFile(suite), folder=suite.parent / "none").trials
        found = [(trial, each) for trial in trials for each in measure(trial, torch.device("cpu")).measurements]
    finally:
        torch.set_num_threads(threads)
    # The store has no NaN, and whole numbers as floating-point numbers.
    values = [repr(None if math.isnan(each.value) else float(each.value)) for _, each in found]
    return sorted((t.key, e.quantity, str(dict(e.at)), value) for (t, e), value in zip(found, values, strict=True))


def test_the_list_is_long_and_the_page_says_the_same():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len(GROUPS["often"]) >= 10
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert table() in page, "run `python -m tests.runner.execution.faulty`"


SPOILS_THE_STORE = {
    "deletes": "os.unlink(store)",
    "truncates": "os.truncate(store, 5000)",
    "overwrites": "open(store, 'wb').write(os.urandom(100_000))",
    "locks": "import sqlite3; db = sqlite3.connect(store); db.execute('BEGIN EXCLUSIVE'); time.sleep(1000)",
}

SPOILER = '''"""A score that spoils the store."""
import os
import time

from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("spoiler")
class Spoiler(InnerProduct):
    """e = 0"""

    def score(self, query, key):
        store = os.path.dirname(os.readlink("/proc/self/fd/1")) + "/../results.sqlite"
        {code}
        return super().score(query, key)
'''


@pytest.mark.slow
@pytest.mark.parametrize("way", SPOILS_THE_STORE)
def test_a_spoiled_store_ends_the_run_with_a_sentence(way, shell, tiny, write):
    write("spoiler.py", SPOILER.format(code=SPOILS_THE_STORE[way]))
    limits = "{seconds: 10, memory: 2GB}"
    suite = tiny(
        seeds="3",
        mechanisms="[transformer: {heads: 2, alignment: spoiler}, gru]",
        plugins=f"[{shell.folder / 'spoiler.py'}]",
        limits=limits,
    )
    done = shell.run(suite)
    assert "Traceback" not in done.stdout + done.stderr
    # A lock is gone with the trial that holds it, and the run may go on.
    assert done.returncode == 1 or (way == "locks" and done.returncode == 2), done.stdout + done.stderr
    assert done.stderr.startswith("error: ") == (done.returncode == 1), done.stderr
    run = shell.runs / "tiny"
    again = shell.run(tiny(seeds="3", limits=limits))
    assert again.returncode == 0, again.stdout + again.stderr
    with sqlite3.connect(run / "results.sqlite") as db:
        assert db.execute("SELECT count(*) FROM trial WHERE planned = 1 AND outcome = 'ok'").fetchone()[0] == 3
    db.close()
