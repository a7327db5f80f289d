"""The interface of shortcut floors, and whether the stored ones are those of the tasks as they are now."""

import json

import pytest
import torch
import yaml

from registry import Spec
from tasks import TASKS, floors
from tasks.floors import READERS, best_reader, read_file, shortcut_floors, task_digest
from tasks.task import Task

AGAIN = "python -m benchmarks.shortcut_floors"


def spec_of(identity):
    kind, name, settings = json.loads(identity)
    assert kind == TASKS.kind
    parts = {key: json.loads(value)[1:] for key, value in settings.items() if str(value).startswith("[")}
    return TASKS.spec({name: settings | {key: {part: own} for key, (part, own) in parts.items()}})


def test_stored_floors_are_those_of_the_tasks_as_they_are():
    stale = [
        f"{identity} at length {length}"
        for identity, by_length in read_file().items()
        for length in by_length
        if shortcut_floors(spec_of(identity), length) is None
    ]
    assert not stale, f"these tasks have changed: measure them again with `{AGAIN}`"


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Return a function that stores floors of a task in a file of its own."""

    def store(spec: Spec, length: int, found: dict[str, float]) -> None:
        entry = {"digest": task_digest(spec.build(), length), "floors": found}
        path = tmp_path / "floors.yaml"
        path.write_text(yaml.safe_dump({spec.identity: {length: entry}}))
        monkeypatch.setattr(floors, "PATH", path)
        read_file.cache_clear()

    yield store
    read_file.cache_clear()


def test_floors_are_found_by_settings_and_length(stored):
    spec = TASKS.spec({"copy": {"items": 3}})
    stored(spec, 13, {"bag": 0.25, "last": 0.75})
    assert shortcut_floors(spec, 13) == {"bag": 0.25, "last": 0.75}
    assert shortcut_floors(Spec.from_json(json.loads(json.dumps(spec.to_json()))), 13) is not None
    assert shortcut_floors(spec, 17) is None
    assert shortcut_floors(TASKS.spec("copy"), 13) is None


def test_a_task_that_has_changed_has_no_floors(stored, monkeypatch):
    spec = TASKS.spec("parity")
    stored(spec, 13, {"bag": 1.0})
    sample = spec.value.sample
    monkeypatch.setattr(spec.value, "sample", lambda *args: sample(*args))
    assert shortcut_floors(spec, 13) == {"bag": 1.0}, "rewritten code samples the same"
    monkeypatch.setattr(spec.value, "chance", lambda task, length: 0.4)
    assert shortcut_floors(spec, 13) is None


def test_other_examples_are_a_change(stored, monkeypatch):
    spec = TASKS.spec("parity")
    stored(spec, 13, {"bag": 1.0})
    monkeypatch.setattr(
        spec.value,
        "sample",
        lambda task, length, size, generator: task.ask(
            torch.ones(size, length, dtype=torch.long),
            torch.ones(size, 1, dtype=torch.long),
            torch.ones(size, 1, length, dtype=torch.bool),
        ),
    )
    assert shortcut_floors(spec, 13) is None


def test_a_length_that_is_refused_now_has_no_floors(stored, monkeypatch):
    spec = TASKS.spec("parity")
    stored(spec, 13, {"bag": 1.0})

    def refuse(task, length):
        raise ValueError("no length is possible")

    monkeypatch.setattr(spec.value, "check_length", refuse)
    assert shortcut_floors(spec, 13) is None


def test_a_plugin_has_no_floors():
    class Own(TASKS["parity"]):
        """A task of a plug-in."""

    assert issubclass(Own, Task)
    TASKS.register("own_floors")(Own)
    try:
        assert shortcut_floors(TASKS.spec("own_floors"), 13) is None
    finally:
        TASKS.forget("own_floors")


def test_the_best_reader():
    assert best_reader({"bag": -0.01, "bigrams": 0.5, "last": 0.25}) == ("bigrams", 0.5)


def test_every_stored_reader_is_explained():
    stored = {
        reader for by_length in read_file().values() for entry in by_length.values() for reader in entry["floors"]
    }
    assert stored <= READERS.keys()
