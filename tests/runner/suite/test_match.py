"""`match` gives every mechanism the width whose number of parameters comes nearest, or says why there is none."""

import math
import time

import pytest

from mechanisms import MODELS
from runner.suite import match as sizes
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training.network import parameter_count
from tests.runner.conftest import ROOT

pytestmark = pytest.mark.usefixtures("forget_plugins")


def names(trials):
    return {trial.mechanism.name for trial in trials}


@pytest.fixture
def matched(tiny):
    def _matched(mechanisms, target, *plugins, **changes):
        train = "{batch: 8, steps: 6, learning_rate: [0.001, 0.01]}"
        path = tiny(**{"mechanisms": mechanisms, "train": train, "match": f"{{parameters: {target}}}", **changes})
        return make_plan(SuiteFile(path), [str(p) for p in plugins], folder=path.parent / "no-plugins")

    return _matched


WIDTHS = {
    "every width": (range(1, 20_000), lambda w: 7 * w * w + 5 * w),
    "a line": (range(1, 20_000), lambda w: 131 * w),
    "steps of 6": (range(6, 20_000, 6), lambda w: 12 * w * w + 13 * w),
    "a cube": (range(1, 20_000), lambda w: w**3),
    "an odd set": (sorted({w * w for w in range(1, 30)} | {3, 50, 51, 200}), lambda w: 3 * w * w + 100),
}


@pytest.mark.parametrize("shape", WIDTHS)
@pytest.mark.parametrize("target", [1, 97, 5_000, 100_003, 7_654_321])
def test_finds_the_nearest_of_all_widths(shape, target):
    possible, count = WIDTHS[shape]
    allowed, counted = set(possible), []

    def parameters(width):
        if width not in allowed:
            raise ValueError(f"{width} will not do")
        counted.append(width)
        return count(width)

    found = sizes.fit(parameters, target).size
    reachable = [w for w in possible if w <= sizes.WIDEST]
    best = min(reachable, key=lambda w: (abs(count(w) - target), w))
    assert found == sizes.Size(best, count(best))
    assert len(counted) == len(set(counted)) <= 30, "each is counted once, and few are"


def test_says_so_where_no_width_can_be_built():
    def never(width):
        raise ValueError(f"{width} is not to my taste")

    with pytest.raises(sizes.NoWidthError) as caught:
        sizes.fit(never, 1000)
    assert "not to my taste" in str(caught.value.__cause__)


def test_a_count_that_does_not_grow_is_no_endless_loop():
    assert sizes.fit(lambda width: 5, 1000).size.parameters == 5


MAIN = "[rnn, lstm: {layers: [1, 2]}, rnn_attention: {alignment: [additive, dot]}, transformer: {heads: [1, 2]}]"


def test_real_models_have_the_parameters(matched):
    """Built for real, with numbers, and counted: within 2 %, and the width stands in the trial's recipe."""
    target = 100_000
    made = matched(MAIN, target)
    trials = {trial.mechanism: trial for trial in made.trials}
    assert len(trials) + len(made.skipped) == 7
    assert len(trials) >= 6, made.skipped
    shown = {each.spec: (each.width, each.parameters) for each in made.mechanisms}
    for mechanism, trial in trials.items():
        width = trial.recipe.width
        parameters = parameter_count(mechanism.build(width))
        assert parameters == pytest.approx(target, rel=0.02), mechanism
        assert shown[mechanism] == (width, parameters)


def test_the_suite_that_comes_with_it_leaves_nothing_out():
    assert make_plan(SuiteFile(ROOT / "suites" / "matched.yaml")).skipped == []


def test_by_hand(matched):
    """A GRU of width d has 6 d² weights and 6 d biases: 6·31·32 = 5952, beside 6·30·31 = 5580 and 6·32·33 = 6336."""
    (mechanism,) = matched("[gru]", 6000).mechanisms
    assert (mechanism.width, mechanism.parameters) == (31, 5952)


def test_every_trial_of_a_mechanism_has_its_width(matched):
    made = matched("[gru, lstm]", 6000, probes="[accuracy, gradient_flow, throughput, cost]", seeds="2")
    widths = {name: {t.recipe.width for t in made.trials if t.mechanism.name == name} for name in ("gru", "lstm")}
    assert {name: len(found) for name, found in widths.items()} == {"gru": 1, "lstm": 1}
    assert widths["gru"] != widths["lstm"]
    kinds = {(trial.task is not None, trial.alone) for trial in made.trials}
    assert kinds == {(True, False), (False, False), (False, True)}, "trained, untrained and timed"
    costs = [trial for trial in made.trials if [probe.name for probe in trial.probes] == ["cost"]]
    assert len(costs) == 2, "once, whatever the seeds"


def test_the_key_follows_the_width(matched, tiny):
    first, other = ({trial.key for trial in matched("[gru]", target).trials} for target in (6000, 6400))
    assert first.isdisjoint(other)
    train = "{batch: 8, steps: 6, learning_rate: [0.001, 0.01], width: 31}"
    plain = make_plan(SuiteFile(tiny(mechanisms="[gru]", train=train)))
    assert {trial.key for trial in plain.trials} == first, "what counts is the width, not how it was found"


def test_too_far_is_skipped_with_the_nearest_and_what_may_help(matched):
    """Eight heads allow multiples of 8: nothing near 6000 parameters."""
    made = matched("[gru, transformer: {heads: 8, layers: 1}]", 6000)
    assert names(made.trials) == {"gru"}
    (skipped,) = made.skipped
    assert made.labels[skipped.key][0].text == "transformer"
    transformer = MODELS.spec({"transformer": {"heads": 8, "layers": 1}})
    nearest = min(range(8, 80, 8), key=lambda w: abs(sizes.parameters_of(transformer, w) - 6000))
    assert f"the nearest is width {nearest} with " in skipped.reason
    assert "8 apart" in skipped.reason
    assert "fewer heads" in skipped.reason
    assert skipped in made.planned, "what is left out is part of the plan"
    assert skipped.key not in {trial.key for trial in made.trials}


PLUGIN = """
import torch
from mechanisms import MODELS, SequenceModel


@MODELS.register("{name}")
class Mine(SequenceModel):
    \"\"\"Mine.\"\"\"
    causal_only = True

    def __init__(self, width, *, causal=True):
        super().__init__(width, causal=causal)
        {body}

    def forward(self, source, query):
        return query
"""


def test_plugins_are_sized_without_numbers(matched, write):
    body = "self.map = torch.nn.Linear(width, width); assert self.map.weight.is_meta"
    made = matched("[mine]", 10_100, write("mine.py", PLUGIN.format(name="mine", body=body)))
    assert made.skipped == []
    assert {trial.recipe.width for trial in made.trials} == {100}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('never')", "ValueError: never"),
        ("raise KeyError('lost')", "KeyError: 'lost'"),
        ("self.size = float(torch.ones(()).sum())", "RuntimeError"),
        ("self.map = torch.nn.Linear(7, 7)", "the nearest is width"),
    ],
)
def test_a_plugin_that_cannot_be_sized_is_skipped(matched, write, body, said):
    made = matched("[gru, hostile]", 6000, write("hostile.py", PLUGIN.format(name="hostile", body=body)))
    assert names(made.trials) == {"gru"}
    (skipped,) = made.skipped
    assert made.labels[skipped.key][0].text == "hostile"
    assert said in skipped.reason


@pytest.mark.parametrize("name", [entry.name for entry in MODELS.entries() if not entry.origin.is_plugin])
def test_every_model_can_be_sized(name):
    """To within 2 %; the count is that of a model with numbers."""
    found = sizes.fit_model(MODELS.spec(name), 100_000)
    assert found.size.parameters == parameter_count(MODELS[name](found.size.width, **found.settings))
    assert math.isclose(found.size.parameters, 100_000, rel_tol=0.02), found


def test_hidden_layers_make_up_what_heads_leave(matched):
    """With three heads widths are 3 apart; a hidden unit is two rows of the width and a bias in each layer."""
    trial, *_ = matched("[transformer: {heads: 3, layers: 1}]", 20_000).trials
    width, expansion = trial.recipe.width, trial.mechanism.settings["expansion"]
    hidden = round(expansion * width)
    assert hidden == pytest.approx(expansion * width)
    assert hidden != 4 * width
    model = MODELS["transformer"](width, heads=3, layers=1, expansion=expansion)
    assert model.stack.blocks[0].feed_forward[0].out_features == hidden
    assert abs(parameter_count(model) - 20_000) <= 2 * width + 1
    (kept,) = matched("[transformer: {heads: 3, layers: 1, expansion: 4.0}]", 20_000).skipped
    assert "the nearest is width" in kept.reason, "what the suite sets is not touched"


def test_sizing_is_quick():
    begin = time.process_time()
    for _ in range(10):
        sizes.fit_model(MODELS.spec({"transformer": {"alignment": "additive"}}), 100_000)
    assert time.process_time() - begin < 5.0
