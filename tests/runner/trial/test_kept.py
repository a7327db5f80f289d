"""The attention weights that a trial keeps are those of its trained network."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from mechanisms import traced
from results import Outcome
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan
from runner.training import seeds
from runner.training.network import evaluating
from runner.training.setup import TrainingSetup
from runner.trial.measure import _model, measure

pytestmark = pytest.mark.usefixtures("forget_plugins")
CPU = torch.device("cpu")
TRAIN = "{width: 8, batch: 8, steps: 3, evaluate_every: 3, validation_examples: 16, test_examples: 16}"


@pytest.fixture
def trial_of(tiny):
    def _trial(mechanism, task, count=2):
        path = tiny(mechanisms=f"[{mechanism}]", tasks=f"[{task}]", train=TRAIN, keep=f"{{weights: {count}}}")
        (trial,) = make_plan(SuiteFile(path), folder=path.parent / "no-plugins").trials
        return trial

    return _trial


@pytest.mark.parametrize(
    ("mechanism", "task", "layers", "heads", "stream"),
    [
        ("transformer: {layers: 2, heads: 2}", "recall: {length: 16}", 2, 2, True),
        ("rnn_attention", "translation: {length: 5}", 1, 1, False),
        ("transformer_encoder_decoder: {layers: 1}", "clutter: {length: 9, distractors: 1}", 1, 2, False),
    ],
)
def test_kept_weights_are_those_of_a_fresh_pass_of_the_same_network(trial_of, mechanism, task, layers, heads, stream):
    trial = trial_of(mechanism, task)
    outcome = measure(trial, CPU)
    assert outcome.outcome == "ok"
    assert len(outcome.arrays) == 2 * layers
    # The same training once more gives the same network, bit for bit.
    with seeds.process("process", trial.mechanism.changed(), trial.task.changed(), None, trial.seed):
        setup = TrainingSetup(trial.task, trial.trained_length, trial.shortest_length, trial.seed, CPU)
        network = setup.network(partial(_model, trial), trial.recipe.width)
        setup.trainer(network, trial.recipe).run()
    batch = setup.task.sample(trial.trained_length, 16, setup.stream("kept"))
    with evaluating(network), traced(network.model):
        network.model(*network.embedding(batch.source, batch.query))
    fresh = network.model.weights()
    for array in outcome.arrays:
        example = array.at["example"] - 1
        scored = batch.scored[example]
        wanted = fresh[array.at["layer"] - 1][example][:, scored].double().numpy()
        assert (
            array.shape
            == wanted.shape
            == (heads, int(scored.sum()), array.at["source"] + stream * batch.query.shape[1])
        )
        assert np.abs(array.numbers().astype(float) - wanted).max() <= 1 / 4096
        links = [(q, k) for q, k in batch.links[example][scored].nonzero().tolist()]
        assert [tuple(link) for link in array.at["links"]] == links
        assert links


def test_words_are_those_of_the_task(trial_of):
    array = measure(trial_of("transformer: {layers: 1}", "recall: {length: 16, pairs: 4}", 1), CPU).arrays[0]
    keys, at = array.at["keys"], array.at
    assert len(keys) == array.shape[2]
    assert at["source"] == 8
    for row, (query, answer) in enumerate(zip(at["queries"], at["answers"], strict=True)):
        linked = [keys[key] for line, key in at["links"] if line == row]
        assert linked == [query, answer], "a pair of the source is linked: the key that is asked for, and its value"
    patches = measure(trial_of("rnn_attention", "clutter: {length: 9, distractors: 1}", 1), CPU).arrays[0]
    assert patches.at["keys"] == [str(place) for place in range(1, 10)]
    numbers = measure(trial_of("rnn_attention", "adding: {length: 9}", 1), CPU).arrays[0]
    assert [f"{float(number):.2f}" for number in numbers.at["answers"]] == numbers.at["answers"]


def test_examples_with_links_come_first(trial_of):
    """In cafe a place without visits has no links, and so nothing to show."""
    arrays = measure(trial_of("rnn_attention", "cafe: {length: 4}", 8), CPU).arrays
    linked = [bool(array.at["links"]) for array in arrays]
    assert linked[0]
    assert linked == sorted(linked, reverse=True)


def test_what_has_no_attention_keeps_nothing_and_neither_does_a_suite_without_keep(trial_of, tiny):
    assert measure(trial_of("gru", "copy: {length: 3, items: 2}"), CPU).arrays == ()
    path = tiny(mechanisms="[transformer]", train=TRAIN)
    (trial,) = make_plan(SuiteFile(path), folder=path.parent / "no-plugins").trials
    assert trial.keep_weights is None
    assert measure(trial, CPU).arrays == ()


def test_measurements_are_the_same_with_and_without_kept_weights(trial_of, tiny):
    kept = measure(trial_of("transformer: {layers: 1}", "copy: {length: 3, items: 2}"), CPU)
    path = tiny(mechanisms="[transformer: {layers: 1}]", train=TRAIN)
    (trial,) = make_plan(SuiteFile(path), folder=path.parent / "no-plugins").trials
    without = measure(trial, CPU)
    assert kept.measurements == without.measurements
    assert kept.path == without.path == "fused"


def test_an_outcome_with_arrays_goes_to_json_and_back(trial_of):
    outcome = measure(trial_of("rnn_attention", "translation: {length: 5}"), CPU)
    back = Outcome.from_json(json.loads(json.dumps(outcome.to_json())))
    assert back.arrays == outcome.arrays


def test_every_mechanism_keeps_the_same_examples(trial_of):
    one = measure(trial_of("rnn_attention", "recall: {length: 16}"), CPU).arrays
    other = measure(trial_of("transformer: {layers: 1}", "recall: {length: 16}"), CPU).arrays
    for left, right in zip(one, other, strict=True):
        for name in ("queries", "answers", "links", "source"):
            assert left.at[name] == right.at[name]
        assert left.at["keys"] == right.at["keys"][: left.at["source"]]
