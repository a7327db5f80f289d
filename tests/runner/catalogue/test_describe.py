"""What is told of mechanisms is true, and docs/mechanisms.md tells the same."""

import re

import pytest
import torch

from mechanisms import ALIGNMENTS, CELLS, DECODERS, MODELS, NORMALIZERS, NORMS, Attention
from registry.docstring import parts_of, short_source, source_of
from runner.catalogue import bounds
from runner.catalogue.describe import KINDS, describe, entries, lines
from runner.catalogue.docs import AGAIN, PATH, TASKS_PATH, page, tasks_page
from runner.plugins import REGISTRIES
from tasks import TASKS
from tasks.sources.text import SOURCES
from tests.runner.conftest import ROOT

BEST = "normalised score of the best simple reader"
BUILT_IN = [(kind, entry.name) for kind in KINDS for entry in entries(REGISTRIES[kind], built_in=True)]


pytestmark = pytest.mark.usefixtures("forget_plugins")


def of(kind, name):
    return describe(kind, REGISTRIES[kind].entry(name))


def told(kind, name):
    return dict(lines(of(kind, name)))


def test_an_alignment():
    shown = of("alignment", "additive")
    assert shown.formula == "e(s, h) = vᵀ tanh(W s + U h + b)"
    assert shown.source.startswith("Bahdanau, Cho, Bengio 2014, ")
    assert shown.source.endswith("(arXiv 1409.0473), appendix A.1.2.")
    assert "arXiv 1409.0473" in shown.text
    assert shown.file == "mechanisms/alignments/additive.py"
    assert shown.parameters == 2 * 64 * 64 + 64 + 64, "W, U, b and v"
    (combination,) = shown.combinations
    assert {"rnn_attention", "transformer"} <= set(combination.names)
    assert not {"lstm", "gru"} & set(combination.names)


def test_settings_as_a_suite_spells_them():
    assert told("alignment", "location")["settings"] == "max_length = 1024 (int)"
    settings = told("model", "transformer")["settings"].split("\n")
    assert "layers = 2 (int)" in settings
    assert "alignment = scaled_dot (an alignment)" in settings
    assert not any(setting.startswith("causal") for setting in settings)
    assert told("task", "copy")["settings"] == "items = 10 (int)\nsymbols = 8 (int)"
    assert told("normalizer", "softmax")["settings"] == "none"


@pytest.fixture
def floors(monkeypatch):
    """Return a function that sets the stored floors of all tasks, by length."""

    def store(by_length):
        monkeypatch.setattr(bounds, "measured", lambda spec: by_length)
        monkeypatch.setattr(bounds, "shortcut_floors", lambda spec, length: by_length.get(length))

    return store


def test_a_task_tells_the_best_simple_reader_at_each_length(floors):
    floors({23: {"bag": 0.25, "last 4": 0.504}, 11: {"bag": -0.001, "last 4": 0.011}})
    facts = told("task", "copy")
    assert facts["at length 11"] == f"chance 0.125, ceiling 1, {BEST} 0.01"
    assert facts["at length 23"] == f"chance 0.125, ceiling 1, {BEST} 0.50 (last 4)"
    assert list(facts) == ["settings", "at length 11", "at length 23"]


def test_a_task_without_floors_has_a_dash(floors):
    floors({})
    assert told("task", "copy")["at length 8"] == f"chance 0.125, ceiling 1, {BEST} –"
    floors({23: None})  # the task has changed
    assert told("task", "copy")["at length 23"] == f"chance 0.125, ceiling 1, {BEST} –"


def test_a_task_that_needs_a_setting_is_described_without_bounds():
    class Own(TASKS["parity"]):
        """A task with a setting that must be given.

        Source: this project.
        """

        def __init__(self, *, size: int) -> None:
            super().__init__()

    TASKS.register("own_bounds")(Own)
    try:
        assert told("task", "own_bounds") == {"settings": "size must be given (int)"}
    finally:
        TASKS.forget("own_bounds")


def test_the_list_of_tasks_has_a_table_of_simple_readers(floors):
    floors({5: {"bag": 0.9}, 23: {"bag": 0.25, "queries": 0.504}, 31: {"bag": 0.01}})
    text = tasks_page(TASKS_PATH.read_text(encoding="utf-8"))
    assert "| task | length | chance | bag | queries | ceiling |\n" in text
    assert "| [copy](#copy) | 23 | 0.125 | 0.25 | **0.50** | 1 |\n" in text, "the first length from 8 on"
    assert "| [missing_duplicate](#missing_duplicate) | 8 | 0.125 | – | – | 1 |\n" in text, "no odd lengths"


def test_a_model():
    facts = told("model", "lstm")
    assert facts["parameters"] == f"{4 * 64 * 128 + 8 * 64:,} at width 64"
    assert facts["decodes"] == "step by step"
    assert facts["queries see"] == "earlier queries"
    assert "alignments" not in facts
    facts = told("model", "transformer")
    assert "scaled_dot" in facts["alignments"]
    assert "(by default scaled_dot)" in facts["alignments"]
    assert "softmax" in facts["normalizers"]
    assert "sinusoidal" in facts["positions"]


@pytest.mark.parametrize("name", [entry.name for entry in ALIGNMENTS.entries() if entry.value.needs_history])
def test_what_needs_history_is_incompatible_by_name(name):
    (combination,) = of("alignment", name).combinations
    assert combination.names == tuple(sorted(e.name for e in MODELS.entries() if e.value.passes_history))
    assert any("transformer" in names and "earlier steps" in why for why, names in combination.incompatible.items())
    transformer = next(c for c in of("model", "transformer").combinations if c.kind == "alignment")
    assert name not in transformer.names
    assert name in {each for names in transformer.incompatible.values() for each in names}


@pytest.mark.parametrize("name", [entry.name for entry in ALIGNMENTS.entries() if not entry.value.needs_history])
def test_the_path_told_is_the_path_taken(name):
    attention = Attention(ALIGNMENTS[name](1, 6, 6), NORMALIZERS["softmax"]()).eval()
    query, key = torch.randn(1, 1, 5, 6), torch.randn(1, 1, 5, 6)
    with torch.no_grad():
        attention(query, attention.project_keys(key), key)
    assert told("alignment", name)["path"].startswith(attention.path)


@pytest.mark.parametrize("name", [name for kind, name in BUILT_IN if kind == "model"])
def test_models_that_cannot_decode_say_so(name):
    assert told("model", name)["decodes"].startswith("step by step" if MODELS[name](64).decodes else "no")


# A view shows what others have measured: it has no formula.
SOURCED = [
    pytest.param(registry, entry.value, id=f"{registry.kind} {entry.name}")
    for registry in (CELLS, DECODERS, NORMS, SOURCES, *(each for kind, each in REGISTRIES.items() if kind != "view"))
    for entry in entries(registry, built_in=True)
]


@pytest.mark.parametrize(("registry", "value"), SOURCED)
def test_every_docstring_has_a_formula_and_a_source(registry, value):
    assert "docstring" not in parts_of(value)[0]
    assert source_of(value).endswith("."), "the paragraph 'Source: Author Year, \"Title\" (arXiv N), eq. M.' is missing"
    assert 4 < len(short_source(source_of(value))) < 80
    assert registry.properties(value)["source"] == source_of(value)


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_everything_built_in_is_described(kind, name):
    shown = of(kind, name)
    assert "docstring" not in shown.formula
    assert len(shown.formula) > 8
    assert shown.parameters is not None
    assert shown.origin == "built-in"
    assert not shown.file.startswith("/")


PLUGINS = '''"""Two ideas in a file."""
from mechanisms import MODELS
from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("mine")
class Mine(InnerProduct):
    """e(s, h) = [s · h] / 3

    Source: Me & You 2026, "Ours"."""

    def __init__(self, heads, query_dim, key_dim):
        raise RuntimeError("not today")
'''


def test_plugins_are_described_and_not_on_the_page(write):
    from runner.plugins import load_plugins

    before = page()
    load_plugins([str(write("ideas.py", PLUGINS))], folder=ROOT / "no-such-folder")
    shown = of("alignment", "mine")
    assert (shown.formula, shown.source) == ("e(s, h) = [s · h] / 3", 'Me & You 2026, "Ours".'), "not the file's"
    assert shown.origin == "file ideas.py"
    assert shown.parameters is None, "it cannot be built, and what can be told is told"
    assert "mine" in told("model", "transformer")["alignments"]
    assert page() == before


def test_the_page_is_the_same_every_time_and_everywhere():
    text = page()
    assert text == page()
    assert str(ROOT) not in text
    assert not re.search(r"0x[0-9a-f]{6,}", text), "no addresses of objects"
    for kind, name in BUILT_IN:
        assert f"\n### {kind} {name}\n" in text
        assert f"](#{kind}-{name}) |" in text
    assert text.count("```") % 2 == 0
    assert len({line.count("|") - line.count("\\|") for line in text.split("## Alignments")[1].splitlines()[2:4]}) == 1


def test_the_committed_page_is_up_to_date():
    found = PATH.read_text(encoding="utf-8") if PATH.exists() else ""
    assert found == page(), f"docs/mechanisms.md is not what the mechanisms say of themselves: run {AGAIN} again"


def test_the_committed_list_of_tasks_is_up_to_date():
    found = TASKS_PATH.read_text(encoding="utf-8")
    assert found == tasks_page(found), f"docs/tasks.md is not what the tasks say of themselves: run {AGAIN} again"


def test_the_list_of_tasks_keeps_what_stands_above_it():
    found = TASKS_PATH.read_text(encoding="utf-8")
    again = tasks_page("Something else.\n" + found[found.index("<!-- From here") :])
    assert again.startswith("Something else.\n<!-- From here")
    for name in TASKS:
        assert f"\n### {name}\n" in again
