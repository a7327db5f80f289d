from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from registry import Choice, Registry, Spec
from registry.spec import REGISTRIES
from results.store.labels import Label, describe, descriptions, mechanism_labels, task_labels
from tests.results.trials import planned, spec

PARTS: Registry[Any] = Registry("part of a label")
MODELS: Registry[Any] = Registry("model with a label")
for kind in (PARTS.kind, MODELS.kind):
    del REGISTRIES[kind]  # of these tests alone


@PARTS.register("dot")
class Dot:
    pass


@PARTS.register("local_m")
class Local:
    def __init__(self, window: float = 2.0) -> None: ...


@MODELS.register("host")
class Host:
    def __init__(
        self,
        alignment: Annotated[Choice, PARTS] = "dot",
        layers: int = 1,
        ratio: float = 4.0,
        tied: bool = False,
        sizes: list[int] | None = None,
    ) -> None: ...


def labels(*specs: Spec | Mapping[str, Any]) -> list[str]:
    chosen = [each.to_json() if isinstance(each, Spec) else each for each in specs]
    return [label.text for label in mechanism_labels([planned("x", each).trial for each in chosen])]


def test_a_label_is_as_short_as_tells_it_apart() -> None:
    assert labels(MODELS.spec({"host": {"layers": 2, "ratio": 3}})) == ["host"]
    two = [MODELS.spec({"host": {"layers": layers, "ratio": 3}}) for layers in (1, 2)]
    assert labels(*two) == ["host(layers=1)", "host(layers=2)"]
    parts = [MODELS.spec({"host": {"alignment": each}}) for each in ("dot", {"local_m": {"window": 3}})]
    assert labels(*parts) == ["host(dot)", "host(local_m)"]
    windows = [MODELS.spec({"host": {"alignment": {"local_m": {"window": n}}}}) for n in (3, 4)]
    assert labels(*windows) == ["host(local_m(window=3))", "host(local_m(window=4))"]


def test_equal_choices_have_one_label() -> None:
    whole, point = (MODELS.spec({"host": {"ratio": ratio}}) for ratio in (4, 4.0))
    assert len({*labels(whole, point, MODELS.spec({"host": {"ratio": 5}}))}) == 2
    empty, null = (MODELS.spec({"host": {"alignment": {"local_m": given}}}) for given in ({}, None))
    assert labels(empty, null, MODELS.spec("host")) == ["host(local_m)", "host(local_m)", "host"]


def test_digits_that_differ_are_shown() -> None:
    close = [MODELS.spec({"host": {"ratio": ratio}}) for ratio in (2.6666667, 2.6666666)]
    assert labels(*close) == ["host(ratio=2.6666667)", "host(ratio=2.6666666)"]


def test_externals_are_told_by_their_class() -> None:
    external = [spec("model", "external", {"path": path}) for path in ("nets.mine.Wide", "nets.mine.Deep")]
    assert labels(*external) == ["external(Wide)", "external(Deep)"]
    assert labels(external[0]) == ["external(Wide)"]
    alike = [spec("model", "external", {"path": path}) for path in ("nets.mine.Wide", "nets.yours.Wide")]
    assert labels(*alike) == ["external(nets.mine.Wide)", "external(nets.yours.Wide)"]


def test_tasks_that_differ_in_what_they_are_tested_on_differ() -> None:
    tests = [planned("a", "gru", "copy", length=8, test_lengths=lengths).trial for lengths in ([8], [8, 16])]
    first, second = task_labels(tests)
    assert first is not None
    assert second is not None
    assert first.text != second.text
    assert task_labels([tests[0], tests[0]]) == [Label("copy", "")] * 2


def test_an_earlier_task_is_part_of_the_name() -> None:
    earlier = planned("a", "gru", "copy", length=8, earlier=spec("task", "recall"), earlier_length=4, earlier_steps=9)
    assert [label and label.text for label in task_labels([earlier.trial, planned("b", "gru").trial])] == [
        "copy after recall",
        None,
    ]


def test_labels_are_unique() -> None:
    generator = np.random.default_rng(5)
    values: dict[str, list[Any]] = {
        "alignment": ["dot", "local_m", {"local_m": {"window": 3}}, {"local_m": {"window": 2.5}}, {"local_m": None}],
        "layers": [1, 2, 3],
        "ratio": [1, 4, 4.0, 2.6666667, 2.6666666, 1e-9],
        "tied": [True, False],
        "sizes": [[1, 2], [2, 1], [12], []],
    }
    specs = []
    for _ in range(200):
        given = {key: each[generator.integers(len(each))] for key, each in values.items() if generator.random() < 0.5}
        specs.append(MODELS.spec({"host": given}))
    by_spec: dict[Spec, set[str]] = {}
    for each, label in zip(specs, labels(*specs), strict=True):
        by_spec.setdefault(each, set()).add(label)
    assert len(by_spec) > 100
    assert all(len(found) == 1 for found in by_spec.values())
    assert len(set.union(*by_spec.values())) == len(by_spec)


def test_how_a_trial_is_described() -> None:
    trained, speed = planned("a", "gru", "copy", seed=3).trial, planned("b", "gru", probes=["throughput"]).trial
    assert describe(trained, Label("gru(layers=2)", "layers=2"), Label("copy", "")) == "gru(layers=2) · copy · seed 3"
    assert describe(speed, Label("gru", ""), None) == "gru · throughput · seed 0"


def test_descriptions_tell_learning_rates_apart() -> None:
    trials = [planned(key, "gru", "copy", rate=rate).trial for key, rate in (("a", 0.001), ("b", 0.003))]
    timed = planned("c", "gru", probes=["throughput"], rate=0.5).trial

    def told(*chosen: Any) -> Sequence[str]:
        return descriptions(chosen, mechanism_labels(chosen), task_labels(chosen))

    assert told(*trials, timed) == [
        "gru · copy · seed 0 · learning rate 0.001",
        "gru · copy · seed 0 · learning rate 0.003",
        "gru · throughput · seed 0",
    ]
    assert told(trials[0], timed) == ["gru · copy · seed 0", "gru · throughput · seed 0"]


def test_what_cannot_be_seen_is_written() -> None:
    """It would break a row of a table, or turn it round."""
    names = ["a\nb", "a\u202eb", "注意力"]
    labels = mechanism_labels([planned(name, name).trial for name in names])
    assert [label.text for label in labels] == ["a\\nb", "a\\u202eb", "注意力"]
    words = [{"word": text} for text in ("x\ty", "x y")]
    chosen = [planned("k", spec("model", "gru", word)).trial for word in words]
    assert [label.text for label in mechanism_labels(chosen)] == ["gru(x\\ty)", "gru(x y)"]
