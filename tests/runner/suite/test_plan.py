"""A suite becomes the trials it asks for; what cannot run is there with its reason."""

import functools
import itertools

import pytest
import torch

from mechanisms import ALIGNMENTS, MODELS
from registry import UserError
from results.store.labels import Label, describe
from runner.plugins import REGISTRIES
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training.setup import TrainingSetup
from runner.trial.measure import measure

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


def told(made, key):
    """Return the labels of mechanism and task, None where there is no task."""
    mechanism, task = made.labels[key]
    return mechanism.text, task and task.text


def run(made):
    return {told(made, trial.key) for trial in made.trials}


def reasons(made):
    return {told(made, planned.key): planned.reason for planned in made.skipped}


def test_sweeps_multiply(tiny):
    made = plan(
        tiny(
            seeds="2",
            mechanisms="[gru: {layers: [1, 2]}, transformer: {heads: 2, alignment: [dot, additive]}]",
            tasks="[copy: {length: 3}, copy: {length: 5}, adding: {length: 4}]",
            train="{width: 8, learning_rate: [0.001, 0.01, 0.1]}",
        )
    )
    assert len(made.trials) == 2 * 4 * 3 * 3
    mechanisms, tasks = zip(*run(made), strict=True)
    assert set(mechanisms) == {"gru(layers=1)", "gru(layers=2)", "transformer(dot)", "transformer(additive)"}
    assert set(tasks) == {"copy(length=3)", "copy(length=5)", "adding"}
    assert {trial.recipe.learning_rate for trial in made.trials} == {0.001, 0.01, 0.1}


def test_a_setting_that_is_a_list_is_not_swept(tiny):
    made = plan(tiny(probes="[accuracy, cost: {lengths: [4, 8]}]"))
    (cost,) = [probe for trial in made.trials for probe in trial.probes if probe.name == "cost"]
    assert tuple(cost.settings["lengths"]) == (4, 8)


def test_untrained_probes_have_trials_of_their_own(tiny):
    trials = plan(tiny(seeds="3", probes="[accuracy, gradient_flow, throughput]")).trials
    found = [(t.task is not None, t.alone, t.seed, tuple(probe.name for probe in t.probes)) for t in trials]
    assert [each for each in found if each[1]] == 6 * [(False, True, 0, ("throughput",))]
    initial = [each for each in found if not each[0] and not each[1]]
    assert initial == [(False, False, seed, ("gradient_flow",)) for seed in range(3)]
    assert [each for each in found if each[0]] == [
        (True, False, seed, ("accuracy", "gradient_flow")) for seed in range(3)
    ]


def test_rounds_of_timings_cycle_over_the_mechanisms_and_every_second_one_goes_backwards(tiny):
    trials = plan(tiny(mechanisms="[gru, lstm, rnn]", probes="[throughput: {rounds: 3}]", seeds="2", tasks=None)).trials
    order = [(trial.round, trial.mechanism.name) for trial in trials]
    assert order == [(n, name) for n in range(3) for name in (("gru", "lstm", "rnn"), ("rnn", "lstm", "gru"))[n % 2]]
    assert len({trial.key for trial in trials}) == 9
    described = {describe(trial.to_json(), Label(trial.mechanism.name, ""), None) for trial in trials}
    assert len(described) == 9
    assert "gru · throughput · round 3" in described


def test_a_default_alignment_is_an_alignment_too(tiny):
    """A transformer of which the suite says nothing more does not count as a model without attention."""
    made = plan(tiny(mechanisms="[gru, transformer, transformer: {alignment: {location: {max_length: 9}}}]"))
    alignments = [trial.mechanism.parts().get("alignment") for trial in made.trials]
    assert [part and part.name for part in alignments] == [None, "scaled_dot", "location"]


def test_keys_are_distinct_and_repeatable(tiny):
    path = tiny(seeds="2", mechanisms="[gru, lstm, transformer: {alignment: [dot, location]}]")
    keys = [trial.key for trial in plan(path).trials]
    assert len(set(keys)) == len(keys) == 8
    assert keys == [trial.key for trial in plan(path).trials]


@pytest.mark.parametrize(
    "change",
    [
        {"mechanisms": "[gru: {layers: 2}]"},
        {"tasks": "[copy: {length: 4, items: 2}]"},
        {"tasks": "[copy: {length: 3, items: 3}]"},
        {"tasks": "[copy: {length: 3, items: 2, test_lengths: [7]}]"},
        {"train": "{width: 8, batch: 8, steps: 7}"},
        {"probes": "[accuracy, gradient_flow]"},
        {"keep": "{weights: 1}"},
    ],
)
def test_key_changes_with_every_field(tiny, change):
    before = {trial.key for trial in plan(tiny()).trials}
    assert before.isdisjoint(trial.key for trial in plan(tiny(**change)).trials)


def test_key_does_not_change_with_limits_or_name(tiny):
    before = [trial.key for trial in plan(tiny()).trials]
    assert before == [trial.key for trial in plan(tiny(name="other", limits="{seconds: 5}")).trials]


def test_a_plugin_that_cannot_be_imported_is_unavailable_with_its_reason(tiny, write):
    plugin = write("broken.py", "import nonexistent_module\n")
    made = plan(tiny(), plugin)
    assert "nonexistent_module" in made.unavailable[str(plugin)]
    assert len(made.trials) == 1, "the rest works"


@pytest.mark.parametrize("name", ["needy", "other"], ids=["the name of the file", "a name in the file"])
def test_a_name_that_a_failed_plugin_would_register_shows_its_error(tiny, write, name):
    plugin = write("needy.py", PLUGIN.format(name="other", scale=1.0, doc=""))
    plugin.write_text("import nonexistent_module\n" + plugin.read_text())
    with pytest.raises(UserError) as caught:
        plan(tiny(mechanisms=f"[transformer: {{heads: 2, alignment: {name}}}]"), plugin)
    assert f"tiny.yaml:3: unknown alignment '{name}' (it could not be imported: {plugin}: " in str(caught.value)
    assert "ModuleNotFoundError: No module named 'nonexistent_module')" in str(caught.value)
    plugin.write_text(PLUGIN.format(name=name, scale=1.0, doc=""))
    made = plan(tiny(mechanisms=f"[transformer: {{heads: 2, alignment: [{name}, dot]}}]"), plugin)
    assert len(made.trials) == 2, "it was repaired"


def test_trials_that_differ_in_their_learning_rate_have_different_descriptions(tiny):
    made = plan(tiny(train="{width: 8, learning_rate: [0.001, 0.003]}", probes="[accuracy, throughput: {rounds: 1}]"))
    told = {made.description(each) for each in made.planned}
    copy = "gru · copy · seed 0 · learning rate"
    assert told == {f"{copy} 0.001", f"{copy} 0.003", "gru · throughput · round 1"}


def test_a_plugin_task_that_cannot_be_built_is_unavailable_with_its_reason(tiny, write):
    plugin = write(
        "sick.py",
        "from tasks import TASKS\n\n\n"
        "@TASKS.register('sick')\nclass Sick(TASKS['copy']):\n"
        "    def __init__(self):\n        raise RuntimeError('not today')\n",
    )
    made = plan(tiny(tasks="[copy: {length: 3, items: 2}, sick: {length: 3}]"), plugin)
    assert made.unavailable == {"sick": "it cannot be built: RuntimeError: not today"}
    assert run(made) == {("gru", "copy")}


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
    assert run(made) == {("gru", "copy"), ("transformer(dot)", "copy"), ("transformer(dot)", "both_ways")}
    found = reasons(made)
    assert found.keys() == {("transformer(past)", None), ("gru", "both_ways")}
    assert "weights of earlier steps" in found["transformer(past)", None]
    assert "reads queries in order" in found["gru", "both_ways"]


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
    assert run(made) == {("gru", "leaky"), ("gru", "copy"), ("oracle", "open"), ("oracle", "copy")}
    assert "in leaky a later query reveals an earlier answer" in reasons(made)["oracle", "leaky"]


def test_what_cannot_stand_in_a_model_is_skipped_before_it_is_built(tiny, monkeypatch):
    """Built into it would raise; and a suite of nothing else is a mistake of nobody's."""
    needy = next(entry.name for entry in ALIGNMENTS.entries() if entry.value.needs_history)
    built = []
    original = MODELS["transformer"].__init__
    monkeypatch.setattr(
        MODELS["transformer"], "__init__", functools.wraps(original)(lambda self, *a, **k: built.append(k))
    )
    for match in (None, "{parameters: 5000}"):
        made = plan(tiny(mechanisms=f"[transformer: {{alignment: [{needy}]}}]", train=None, match=match))
        assert made.trials == []
        (planned,) = made.skipped
        assert planned.trial["mechanism"]["settings"]["alignment"]["name"] == needy
        assert "rnn_attention" in planned.reason, "it names who can"
    assert built == []


def test_data_is_the_same_for_every_mechanism_and_differs_by_seed_and_purpose(tiny):
    trials = plan(tiny(seeds="2", mechanisms="[gru, lstm]")).trials
    cpu = torch.device("cpu")
    draws = {
        (t.mechanism.name, t.seed, purpose): torch.rand(
            3, generator=TrainingSetup(t.task, t.trained_length, t.shortest_length, t.seed, cpu).stream(purpose)
        )
        for t in trials
        for purpose in ("train", "validation", "test 3")
    }
    assert len(draws) == 12
    for seed, purpose in itertools.product((0, 1), ("train", "validation", "test 3")):
        assert torch.equal(draws["gru", seed, purpose], draws["lstm", seed, purpose])
    assert len({tuple(draw.tolist()) for draw in draws.values()}) == 6


def test_a_part_of_a_part_has_its_plugin_loaded(tiny, write):
    path = tiny(mechanisms="[transformer: {heads: 2, alignment: [{local_m: {alignment: inner, window: 2}}]}]")
    plugin = write("one.py", PLUGIN.format(name="inner", scale=1.0, doc=""))
    made = plan(path, plugin)
    assert [planned.plugins for planned in made.planned] == [(str(plugin),)]
    REGISTRIES["alignment"].forget("inner")


def test_declared_properties_go_with_a_trial(tiny):
    made = plan(tiny(mechanisms="[transformer: {alignment: [location, dot]}]"))
    found = [planned.properties for planned in made.planned]
    assert [each["mechanism.alignment"]["reads_content"] for each in found] == [False, True]
    assert all(each["mechanism"]["state_grows"] for each in found)
    assert all(each["task"]["family"] for each in found)


def test_what_simple_readers_score_goes_with_a_trial(tiny, monkeypatch):
    asked = []

    def shortcut_floors(spec, length):
        asked.append((spec.name, length))
        return {"bag": 0.5}

    monkeypatch.setattr("runner.suite.plan.shortcut_floors", shortcut_floors)
    made = plan(tiny(mechanisms="[rnn, gru]", tasks="[copy: {length: [3, 5]}]", probes="[accuracy, throughput]"))
    trained = [each for each in made.planned if each.trial["task"]]
    assert len(trained) == 2
    assert all(each.properties["task"]["shortcuts"] == {"bag": 0.5} for each in trained)
    assert not any("task" in each.properties for each in made.planned if not each.trial["task"])
    # A task is sampled to look its floors up: once, at the length to which they are shown.
    assert asked == [("copy", 5)]


def test_a_strangers_module_runs_by_its_dotted_path(tiny):
    (trial,) = plan(tiny(mechanisms="[external: {module: torch.nn.LSTM, layers: 1}]")).trials
    outcome = measure(trial, torch.device("cpu"))
    values = {m.quantity: m.value for m in outcome.measurements if m.at.get("stage") == "test"}
    assert 0 <= values["accuracy"] <= 1
    with pytest.raises(UserError, match=r"tiny\.yaml:3: external: .*LSTTM.*LSTM"):
        plan(tiny(mechanisms="[external: {module: torch.nn.LSTTM}]"))


def test_several_externals_have_short_labels_of_their_own(tiny):
    gru = "module: torch.nn.GRU, arguments: {input_size: width, hidden_size: width, batch_first: true"
    linear = "module: torch.nn.Linear, arguments: {in_features: width, out_features: width}"
    entries = [f"{gru}}}", f"{gru}, num_layers: 2}}", linear, "module: torch.nn.Tanh"]
    made = plan(tiny(mechanisms=f"[{', '.join(f'external: {{{entry}}}' for entry in entries)}]"))
    assert {mechanism for mechanism, _ in run(made)} == {
        "external(GRU)", "external(GRU, num_layers=2)", "external(Linear)", "external(Tanh)",
    }  # fmt: skip


def test_arguments_of_one_entry_are_no_part(tiny):
    """Once an AttributeError: {dim: width} looks like a name with settings."""
    one, other = (f"external: {{module: torch.nn.Identity, arguments: {{dim: {size}}}}}" for size in ("width", "3"))
    made = plan(tiny(mechanisms=f"[{one}, {other}]"))
    assert {mechanism for mechanism, _ in run(made)} == {"external(Identity, dim=width)", "external(Identity, dim=3)"}
