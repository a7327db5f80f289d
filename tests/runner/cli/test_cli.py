"""The command line as a person uses it: its journeys, its sentences, its exit codes."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from results import load, load_trials
from runner.plugins import REGISTRIES
from tests.runner.conftest import ROOT

PLUGIN = '''"""A score from outside the tree."""
from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("outside")
class Outside(InnerProduct):
    """e = 2 <s, h>"""

    scale = 2.0
'''


def test_help_is_quick_and_names_every_command(shell):
    times = []
    for _ in range(5):
        before = processor_seconds()
        done = shell("--help")
        times.append(processor_seconds() - before)
    assert done.returncode == 0
    for command in ("ls", "info", "plan", "run", "status", "report", "check", "new", "env", "costs", "docs"):
        assert command in done.stdout
    assert min(times) < 0.5, times


def processor_seconds():
    """Processor time of ended children: other tests run beside this one, and wall time would be theirs too."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_imports_nothing_heavy():
    code = "import sys, runner.cli; print([m for m in ('torch', 'pandas', 'scipy', 'seaborn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_run_then_again_then_report(shell, tiny):
    suite = tiny(probes="[accuracy, gradient_flow: {lengths: [8], examples: 2}]")
    first = shell("run", suite, "--out", shell.runs, "--device", "cpu")
    assert first.returncode == 0, first.stdout + first.stderr
    run = shell.runs / "tiny"
    assert (run / "report" / "report.html").is_file()
    assert list(load_trials(run)["outcome"]) == ["ok", "ok"]
    second = shell("run", suite, "--out", shell.runs, "--device", "cpu")
    assert second.returncode == 0
    assert "2 trials, 2 already finished, 0 to run" in second.stdout
    assert list(load_trials(run)["attempts"]) == [1, 1]
    (run / "report" / "report.html").unlink()
    drawn = shell.inside("report", run)
    assert drawn.returncode == 0, drawn.stderr
    assert (run / "report" / "report.html").is_file()
    status = shell.inside("status", run)
    assert "2 trials: 2 ok" in status.stdout


@pytest.mark.slow
def test_more_seeds_run_only_what_is_missing(shell, tiny):
    suite = tiny()
    assert shell.run(suite).returncode == 0
    kept = load(shell.runs / "tiny")
    done = shell.run(suite, "--seeds", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 trials, 1 already finished, 2 to run" in done.stdout
    trials = load_trials(shell.runs / "tiny")
    assert list(trials["seed"]) == [0, 1, 2]
    assert list(trials["attempts"]) == [1, 1, 1]
    first, *later = trials["session"]
    assert later == later[:1] * 2
    assert first < later[0], "two calls of the runner are two sessions"
    found = load(shell.runs / "tiny")
    assert found[found["seed"] == 0].reset_index(drop=True)["value"].equals(kept["value"])


@pytest.mark.slow
def test_plugin_from_outside_runs_only_its_trials_and_shows_its_row(shell, tiny, write):
    suite = tiny(mechanisms="[gru, transformer: {heads: 2, alignment: [dot, plugins]}]")
    assert shell.run(suite).returncode == 0
    plugin = write("outside.py", PLUGIN)
    done = shell("run", suite, "--out", shell.runs, "--device", "cpu", "--plugin", plugin)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 trials, 2 already finished, 1 to run" in done.stdout
    assert "transformer(outside)" in done.stdout.split("to run")[1], "its row is in the printed table"
    trials = load_trials(shell.runs / "tiny").set_index("mechanism")
    assert trials.loc["transformer(outside)", "origin"] == str(plugin)
    assert set(load(shell.runs / "tiny")["mechanism"]) == {"gru", "transformer(dot)", "transformer(outside)"}


@pytest.mark.slow
def test_an_installed_package_is_a_plugin(shell, tiny, write):
    """A distribution with an entry point, as pip would leave it in site-packages."""
    write("site/far_score.py", PLUGIN.replace("outside", "far").replace("Outside", "Far"))
    write("site/far_score-1.2.dist-info/METADATA", "Metadata-Version: 2.1\nName: far-score\nVersion: 1.2\n")
    write("site/far_score-1.2.dist-info/entry_points.txt", "[attention_bench]\nfar = far_score\n")
    environment = shell.environment() | {"PYTHONPATH": str(shell.folder / "site")}
    shell.environment = lambda: environment
    done = shell.run(tiny(mechanisms="[transformer: {heads: 2, alignment: [plugins]}]"))
    assert done.returncode == 0, done.stdout + done.stderr
    trials = load_trials(shell.runs / "tiny")
    assert list(trials["mechanism"]) == ["transformer"]
    assert list(trials["mechanism.alignment"]) == ["far"]
    assert list(trials["origin"]) == ["distribution:far-score"]


SLOWER = ("normalizer", "position", "probe")  # their checks are run on broken classes elsewhere, too
kinds = [pytest.param(kind, marks=pytest.mark.slow if kind in SLOWER else ()) for kind in REGISTRIES]


@pytest.mark.parametrize("kind", kinds)
def test_new_makes_a_plugin_that_passes_its_checks(shell, kind):
    made = shell("new", kind, "my_thing", "--folder", shell.folder)
    assert made.returncode == 0, made.stderr
    path = shell.folder / "my_thing.py"
    code = [line for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith('"""')]
    if kind == "alignment":
        assert len(code) <= 10
    done = shell("check", "my_thing", "--plugin", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All checks passed." in done.stdout


BROKEN_SCORE = '''"""A score with one mistake."""
import torch
from mechanisms.alignments import ALIGNMENTS, Alignment


@ALIGNMENTS.register("broken")
class Broken(Alignment):
    def __init__(self, heads, query_dim, key_dim):
        super().__init__(heads, query_dim, key_dim)
        self.w = torch.nn.Parameter(torch.ones(()))

    def score(self, query, key):
        e = query @ key.transpose(-2, -1)
        return {expression}
'''

BREAKS = {
    "shape": ("self.w * e.transpose(-2, -1)", "shape"),
    "mask": ("self.w * e.softmax(-1)", "depend"),
    "gradient": ("e", "gets no gradient"),
    "determinism": ("self.w * e + torch.randn_like(e)", "two calls"),
}


@pytest.mark.parametrize(
    "what",
    ["shape", "mask", *(pytest.param(what, marks=pytest.mark.slow) for what in ("gradient", "determinism"))],
)
def test_check_says_what_is_wrong(shell, write, what):
    expression, word = BREAKS[what]
    plugin = write("broken.py", BROKEN_SCORE.format(expression=expression))
    done = shell("check", "broken", "--plugin", plugin)
    assert done.returncode == 2
    failures = done.stdout.split("FAIL")[1:]
    assert any(word in failure for failure in failures), done.stdout
    assert "Traceback" not in done.stdout + done.stderr


LONG = "a" * 5000
SENTENCES = [
    (("run", "suites/quik.yaml"), "suite file suites/quik.yaml does not exist. Did you mean 'quick.yaml'?"),
    (("info", "additve"), "nothing is called 'additve'. Did you mean 'additive'?"),
    (("check", "lstmm"), "nothing is called 'lstmm'. Did you mean 'lstm'?"),
    (("new", "alignmnt", "x"), "there is no template for 'alignmnt'. Did you mean 'alignment'?"),
    (("new", "alignment", "my-score"), "'my-score' is not a Python name"),
    (("new", "alignment", "additive"), "the alignment 'additive' is taken"),
    (("status", "runs/no-such-run"), "there is no run at runs/no-such-run"),
    (("report", "runs/no-such-run"), "there is no run at runs/no-such-run"),
    (("plan", "suites/smoke.yaml", "--plugin", "no/such.py"), "plug-in no/such.py: the file does not exist"),
    (("costs", "suites/smoke.yaml", "--width", "8"), "--width and a suite cannot be given together"),
    (("costs", "suites/smok.yaml"), "suite file suites/smok.yaml does not exist. Did you mean 'smoke.yaml'?"),
    (("plan", "suites/smoke.yaml", "--seeds", "x"), "--seeds x: a whole number from 1 to 10,000 was expected"),
    (("plan", "suites/smoke.yaml", "--seeds", "0"), "--seeds 0: a whole number from 1 to 10,000 was expected"),
    (("run", "suites/smoke.yaml", "--seeds", "2.5"), "--seeds 2.5: a whole number from 1 to 10,000 was expected"),
    (("plan", "suites/smoke.yaml", "--device", "tpu"), "--device tpu: this machine has no such device"),
    (("plan", "suites/smoke.yaml", "--device", "privateuseone"), "--device privateuseone: this machine has no such"),
    (("plan", "suites/smoke.yaml", "--device", "mkldnn"), "--device mkldnn: this machine has no such device"),
    (("plan", "suites/smoke.yaml", "--device", "meta"), "--device meta: this machine has no such device"),
    (("plan", "suites/smoke.yaml", "-p", "distribution:"), "plug-in distribution:: no distribution with this name"),
    (("plan", "suites/smoke.yaml", "-p", "distribution:no"), "plug-in distribution:no: no distribution with this"),
    (("plan", "suites/smoke.yaml", "-p", "."), "plug-in .: a path that ends in .py, or the name of a module, was"),
    (("plan", "suites/smoke.yaml", "-p", LONG + ".py"), "the file cannot be read: File name too long"),
    (("plan", "/dev/full"), "suite file /dev/full cannot be read: it is a device"),
    (("plan", "suites"), "suite file suites cannot be read: it is a folder"),
    (("plan", LONG), "cannot be read: File name too long"),
    (("info", LONG), "nothing is called 'aaa"),
    (("status", LONG), "cannot be read: File name too long"),
    (("status", LONG[:300]), "cannot be read: File name too long"),
    (("report", LONG), "cannot be read: File name too long"),
    (("new", "alignment", LONG[:300]), "…' is too long a name; at most 60 letters were expected"),
    (("new", LONG, "x"), "there is no template for 'aaa"),
    (("new", "alignment", "x", "--folder", LONG), "cannot be written: File name too long"),
    (("show", "copy", "--set", "items=[1"), "--set items=[1: not valid YAML: expected ',' or ']'"),
    (("show", "copy", "--set", "items=2020-99-01"), "task 'copy': items is '2020-99-01'; a whole number was expected"),
    (("show", "copy", "--set", "items=yes"), "task 'copy': items is true; a whole number was expected"),
    (("show", "copy", "--set", "items=0100"), "--set items=0100: YAML reads 0100 as 64"),
    (("show", "copy", "--set", "items=99999999999"), "items is 99999999999; at most 1,000,000 was expected"),
    (("show", "copy", "--set", "items"), "--set items: a setting with its value, as in pairs=4, was expected"),
]


@pytest.mark.parametrize(("arguments", "sentence"), SENTENCES, ids=[" ".join(s[0])[:40] for s in SENTENCES])
def test_bad_input_is_one_sentence_and_exit_code_1(shell, arguments, sentence):
    done = shell.inside(*arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith("error: ")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert len(done.stderr) < 1500


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "suites/smoke.yaml", "--workers", "9" * 20),
        ("costs", "--width", "9" * 11),
        ("costs", "--length", "9" * 11),
        ("show", "copy", "--length", "9" * 11),
        ("show", "copy", "--examples", "9" * 11),
    ],
    ids=" ".join,
)
def test_numbers_that_are_too_large_are_refused_at_once(shell, arguments):
    done = shell.inside(*arguments)
    assert done.returncode == 2
    assert "less than or equal to" in done.stderr or "range" in done.stderr


def test_docs_are_written_in_a_checkout_only(shell, monkeypatch):
    monkeypatch.setattr("runner.plugins.IN_CHECKOUT", False)
    done = shell.inside("docs")
    assert done.returncode == 1
    assert done.stderr == "error: the documents are in a checkout of the project, and this installed copy has none\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is a device of Linux")
def test_output_that_cannot_be_written_is_one_sentence(shell):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            shell.command("show", "copy"), cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_ls_and_info_know_formula_and_source(shell):
    listed = shell("ls").stdout
    for name in ("additive", "scaled_dot", "rnn_attention", "transformer", "recall", "throughput", "softmax"):
        assert name in listed
    line = next(line for line in listed.splitlines() if line.startswith("additive"))
    assert line.rstrip().split("  ")[-1] == "Bahdanau, Cho, Bengio 2014"
    assert "vᵀ tanh(W s + U h + b)" in line
    shown = shell("info", "additive").stdout
    assert "tanh" in shown
    assert "1409.0473" in shown
    assert "8,320 at width 64" in shown


def test_costs_of_a_suite(shell, tiny):
    done = shell("costs", tiny(mechanisms="[gru: {layers: 2}]", train="{width: 8}"), "--length", "10")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("gru")).split()
    operations = 2 * 2 * 3 * 8 * (8 + 8)
    assert row == ["gru", "8", "864", f"{operations / 1000:.2f}k", f"{operations / 1000:.2f}k", "1.00", "64"]


def test_env_names_the_versions(shell):
    import torch

    assert torch.__version__ in shell("env", "--device", "cpu").stdout
