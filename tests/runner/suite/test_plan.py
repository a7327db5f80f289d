"""A suite becomes the cells it asks for, and a cell's key changes exactly when its result could."""

import functools
import itertools

import pytest
import torch

from registry import UserError
from runner.plugins import REGISTRIES
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

PLUGIN = '''"""A score."""
from mechanisms.alignments import ALIGNMENTS, InnerProduct


@ALIGNMENTS.register("{name}")
class Score(InnerProduct):
    """{doc}"""
    scale = {scale}
'''


pytestmark = pytest.mark.usefixtures("forget_plugins")


def plan(path, *plugins):
    return make_plan(SuiteFile(path), [str(p) for p in plugins], folder=path.parent / "no-plugins")


def test_sweeps_multiply(tiny):
    path = tiny(
        seeds="2",
        mechanisms="[gru: {layers: [1, 2]}, transformer: {heads: 2, alignment: [dot, additive]}]",
        tasks="[copy: {length: 3}, copy: {length: 5}, adding: {length: 4}]",
        train="{width: 8, learning_rate: [0.001, 0.01, 0.1]}",
    )
    cells = plan(path).cells
    assert len(cells) == 2 * 4 * 3 * 3
    assert {cell.label for cell in cells} == {
        "gru(layers=1)", "gru(layers=2)", "transformer(dot)", "transformer(additive)",
    }  # fmt: skip
    assert {cell.task_label for cell in cells} == {"copy(length=3)", "copy(length=5)", "adding"}
    assert {tuple(cell.recipe["learning_rate"]) for cell in cells} == {(0.001,), (0.01,), (0.1,)}


def test_untrained_probes_have_cells_of_their_own(tiny):
    cells = plan(tiny(seeds="3", probes="[accuracy, gradient_flow, throughput]")).cells
    kinds = [(cell.kind, cell.seed, tuple(cell.probes)) for cell in cells]
    assert kinds.count(("speed", 0, ("throughput",))) == 1
    assert [k for k in kinds if k[0] == "speed"] == [("speed", 0, ("throughput",))]
    assert sum(k[0] == "initial" for k in kinds) == 3
    assert all(k[2] == ("accuracy", "gradient_flow") for k in kinds if k[0] == "train")


def test_a_default_alignment_is_an_alignment_too(tiny):
    """A transformer of which the suite says nothing more does not count as a model without attention."""
    made = plan(
        tiny(mechanisms="[gru, transformer: {heads: 2}, transformer: {alignment: {location: {max_length: 9}}}]")
    )
    assert [row.alignment for row in made.rows()] == [None, "scaled_dot", "location"]


def test_keys_are_distinct_and_repeatable(tiny):
    path = tiny(seeds="2", mechanisms="[gru, lstm, transformer: {alignment: [dot, location]}]")
    keys = [cell.key for cell in plan(path).cells]
    assert len(set(keys)) == len(keys)
    assert keys == [cell.key for cell in plan(path).cells]


@pytest.mark.parametrize(
    "change",
    [
        {"mechanisms": "[gru: {layers: 2}]"},
        {"tasks": "[copy: {length: 4, items: 2}]"},
        {"tasks": "[copy: {length: 3, items: 3}]"},
        {"train": "{width: 8, batch: 8, steps: 7}"},
        {"probes": "[accuracy, gradient_flow]"},
    ],
)
def test_key_changes_with_every_field(tiny, change):
    before = {cell.key for cell in plan(tiny()).cells}
    assert before.isdisjoint(cell.key for cell in plan(tiny(**change)).cells)


def test_key_does_not_change_with_limits_or_name(tiny):
    before = [cell.key for cell in plan(tiny()).cells]
    assert before == [cell.key for cell in plan(tiny(name="other", limits="{seconds: 5}")).cells]


def test_key_follows_the_plugin_source(tiny, write):
    path = tiny(mechanisms="[transformer: {heads: 2, alignment: [dot, plugins]}]")

    def keys(name, **fields):
        plugin = write(f"{name}.py", PLUGIN.format(name="fresh", **fields))
        found = {cell.label: cell.key for cell in plan(path, plugin).cells}
        REGISTRIES["alignment"].forget("fresh")
        return found

    first = keys("one", scale=1.0, doc="A")
    changed = keys("two", scale=2.0, doc="A")
    assert first["transformer(dot)"] == changed["transformer(dot)"]
    assert first["transformer(fresh)"] != changed["transformer(fresh)"]


def test_digest_ignores_comments_and_docstrings(tmp_path, monkeypatch):
    import importlib
    import sys

    from runner.trial import key as sources

    monkeypatch.syspath_prepend(tmp_path)
    texts = {
        "same_a": 'class A:\n    """One."""\n    x = 1\n',
        "same_b": '# why\nclass A:\n    """Another."""\n\n    x = 1  # said\n',
        "other": "class A:\n    x = 2\n",
    }
    digests = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
        tree = sources._tree_digest(tmp_path / f"{name}.py", 0)
        importlib.import_module(name)
        assert sources.digest([sys.modules[name].A])
        digests[name] = tree
    assert digests["same_a"] == digests["same_b"] != digests["other"]


def test_digest_covers_the_contract_and_the_attention_of_a_model():
    from mechanisms import MODELS
    from runner.trial import key as sources

    seen = set()
    original = sources._tree_digest
    try:
        sources._tree_digest = lambda file, modified: seen.add(file.name) or original(file, modified)
        sources.digest([MODELS["transformer"]])
    finally:
        sources._tree_digest = original
    assert {"transformer.py", "attention.py", "multi_head.py", "alignment.py", "model.py", "masks.py"} <= seen
    assert not {"lstm.py", "additive.py", "registry.py"} & seen


def test_a_plugin_that_cannot_be_imported_is_a_row_with_its_reason(tiny, write):
    plugin = write("broken.py", "import nonexistent_module\n")
    made = plan(tiny(), plugin)
    assert [(skip.label, "nonexistent_module" in skip.reason) for skip in made.skips] == [("broken", True)]
    assert len(made.cells) == 1, "the rest works"


def test_what_no_model_can_run_is_skipped_with_its_reason(tiny, write):
    """An alignment that needs earlier weights, and a task whose queries see one another."""
    plugin = write(
        "history.py",
        PLUGIN.format(name="past", scale=1.0, doc="") + "    needs_history = True\n"
        "from tasks import TASKS\n"
        "TASKS.register('both_ways')(type('BothWays', (TASKS['copy'],), {'causal': False}))\n",
    )
    path = tiny(
        mechanisms="[gru, transformer: {heads: 2, alignment: [dot, past]}]",
        tasks="[copy: {length: 3, items: 2}, both_ways: {length: 3, items: 2}]",
    )
    made = plan(path, plugin)
    assert {(c.label, c.task) for c in made.cells} == {
        ("gru", "copy"), ("transformer(dot)", "copy"), ("transformer(dot)", "both_ways"),
    }  # fmt: skip
    reasons = {(skip.label, skip.task): skip.reason for skip in made.skips}
    assert "weights of earlier steps" in reasons["transformer(past)", None]
    assert "reads its queries in order" in reasons["gru", "both_ways"]
    rows = [row for row in made.rows() if row.outcome == "skipped"]
    assert len(rows) == 2
    assert all(row.reason for row in rows)


def test_a_model_that_sees_all_queries_cannot_face_a_task_that_leaks(tiny, write):
    plugin = write(
        "leaky.py",
        "from mechanisms import MODELS\n"
        "from tasks import TASKS\n"
        "TASKS.register('leaky')(type('Leaky', (TASKS['copy'],), {'leaks': True}))\n"
        "TASKS.register('open')(type('Open', (TASKS['leaky'],), {'causal': False}))\n"
        "MODELS.register('oracle')(type('Oracle', (MODELS['gru'],), {'bidirectional': True, 'causal_only': False}))\n",
    )
    path = tiny(
        mechanisms="[gru, oracle]",
        tasks="[leaky: {length: 3, items: 2}, open: {length: 3, items: 2}, copy: {length: 3, items: 2}]",
    )
    made = plan(path, plugin)
    # Where all may see all, nothing is given away that a later query does not show to everybody.
    assert {(c.label, c.task) for c in made.cells} == {
        ("gru", "leaky"), ("gru", "copy"), ("oracle", "open"), ("oracle", "copy"),
    }  # fmt: skip
    reasons = {(skip.label, skip.task): skip.reason for skip in made.skips}
    assert "in leaky a later one gives an earlier answer away" in reasons["oracle", "leaky"]


def test_what_cannot_stand_in_a_model_is_skipped_before_it_is_built(tiny, monkeypatch):
    """Built into it would raise; and a suite of nothing else is a mistake of nobody's."""
    from mechanisms import ALIGNMENTS, MODELS

    needy = next(entry.name for entry in ALIGNMENTS.entries() if entry.value.needs_history)
    built = []
    original = MODELS["transformer"].__init__
    monkeypatch.setattr(
        MODELS["transformer"], "__init__", functools.wraps(original)(lambda self, *a, **k: built.append(k))
    )
    for match in (None, "{parameters: 5000}"):
        made = plan(tiny(mechanisms=f"[transformer: {{alignment: [{needy}]}}]", train=None, match=match))
        assert made.cells == []
        (skip,) = made.skips
        assert skip.label == f"transformer({needy})"
        assert "rnn_attention" in skip.reason, "it names who can"
    assert built == []


OUTSIDE = """
import {library}
from mechanisms import MODELS


class Borrowed(MODELS["gru"]):
    @classmethod
    def depends_on(cls, settings):
        return ({library}.{name},)


MODELS.register("borrowed")(Borrowed)
"""


def test_key_follows_what_a_model_brings_in(tiny, write, monkeypatch):
    """The source of a class that the settings name, and the version of the distribution it is from."""
    from importlib import metadata

    from runner.trial import key as sources

    def key(library, name):
        plugin = write("borrowing.py", OUTSIDE.format(library=library, name=name))
        (cell,) = plan(tiny(mechanisms="[borrowed]"), plugin).cells
        return cell.key

    assert sources.versions(pytest.Item) == [f"pytest {metadata.version('pytest')}"]
    first = key("pytest", "Item")
    assert first == key("pytest", "Item")
    monkeypatch.setattr(sources.importlib.metadata, "version", lambda name: "99")
    assert key("pytest", "Item") != first


def test_key_follows_the_source_of_a_class_that_a_model_brings_in(tiny, write, monkeypatch, tmp_path):
    import sys

    from mechanisms import MODELS
    from runner.suite import plan as plan_module

    monkeypatch.syspath_prepend(tmp_path)

    class Borrowed(MODELS["gru"]):
        @classmethod
        def depends_on(cls, settings):
            import lender

            return (lender.Lent,)

    MODELS.register("borrowed")(Borrowed)
    keys = []
    for number in (1, 1, 2):
        write("lender.py", f"class Lent:\n    number = {number}\n")
        sys.modules.pop("lender", None)
        sys.path_importer_cache.clear()
        plan_module._code.cache_clear()
        keys += [cell.key for cell in plan(tiny(mechanisms="[borrowed]")).cells]
    MODELS.forget("borrowed")
    sys.modules.pop("lender")
    assert keys[0] == keys[1] != keys[2]


def test_data_is_the_same_for_every_mechanism_and_differs_by_seed_and_purpose(tiny):
    from runner.trial.measure import data_stream

    cells = plan(tiny(seeds="2", mechanisms="[gru, lstm]")).cells
    cpu = torch.device("cpu")
    draws = {
        (c.label, c.seed, purpose): torch.rand(3, generator=data_stream(c, cpu, purpose))
        for c in cells
        for purpose in ("train", "validation", "test 3")
    }
    assert len(draws) == 12
    for seed, purpose in itertools.product((0, 1), ("train", "validation", "test 3")):
        assert torch.equal(draws["gru", seed, purpose], draws["lstm", seed, purpose])
    assert len({tuple(draw.tolist()) for draw in draws.values()}) == 6


def test_initial_weights_depend_on_mechanism_and_seed_alone(tiny):
    from runner.trial.measure import build_model

    first, second = plan(tiny(seeds="2")).cells
    before = torch.random.get_rng_state()
    weights = [torch.cat([p.flatten() for p in build_model(c, 8).parameters()]) for c in (first, first, second)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_part_of_a_part_is_in_the_key_and_its_plugin_is_loaded(tiny, write):
    path = tiny(mechanisms="[transformer: {heads: 2, alignment: [{local_m: {alignment: inner, window: 2}}]}]")

    def cell(name, scale):
        plugin = write(f"{name}.py", PLUGIN.format(name="inner", scale=scale, doc=""))
        (found,) = plan(path, plugin).cells
        REGISTRIES["alignment"].forget("inner")
        return found, plugin

    (first, plugin), (second, _) = cell("one", 1.0), cell("two", 2.0)
    assert first.plugins == (str(plugin),)
    assert first.key != second.key


def test_a_strangers_module_runs_by_its_dotted_path(tiny):
    from runner.trial.measure import measure

    path = tiny(mechanisms="[external: {module: torch.nn.LSTM, layers: 1}]")
    (cell,) = plan(path).cells
    measured = measure(cell, lambda done, total: None, lambda: False)
    values = {m.quantity: m.value for m in measured.measurements if m.stage == "test"}
    assert 0 <= values["accuracy"] <= 1
    with pytest.raises(UserError, match=r"tiny\.yaml:3: external: .*LSTTM.*LSTM"):
        plan(tiny(mechanisms="[external: {module: torch.nn.LSTTM}]"))
