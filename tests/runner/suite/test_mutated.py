"""Suites with random mistakes: a plan or one sentence, never another error, and never longer than 10 seconds."""

import copy
import random
import signal
from contextlib import contextmanager

import pytest
import yaml

from registry import UserError
from runner.suite.file import SuiteFile
from runner.suite.plan import make_plan

LIMIT = 10  # seconds
BASE = {
    "name": "mutated",
    "seeds": 2,
    "mechanisms": [
        "gru",
        {"lstm": {"layers": [1, 2]}},
        {"rnn_attention": {"decoder": "luong", "alignment": ["dot", {"local_m": {"alignment": "dot", "window": 4}}]}},
        {"transformer": {"heads": 2, "expansion": 2.0, "window": None, "position": "rotary", "normalizer": "softmax"}},
    ],
    "tasks": [
        {"copy": {"length": [3, 5], "items": 2, "test_lengths": [5, 7]}},
        {"recall": {"length": 12, "pairs": 4, "vocabulary": 64, "pretrain": {"copy": {"length": 3, "steps": 4}}}},
        {"parity": {"preset": "deletang"}},
    ],
    "train": {"width": 8, "batch": 8, "steps": 6, "learning_rate": [0.001, 0.003], "warmup": 2, "clip": 1.0},
    "probes": ["accuracy", {"cost": {"lengths": [4, 8]}}, {"gradient_flow": {"lengths": [16]}}],
    "limits": {"seconds": 60, "memory": "3GB"},
    "threads": 1,
    "plugins": [],
}
VALUES = [
    *(True, False, None, 0, 1, -1, 3, 2.5, 1e-30, 1e14, 10**9, 10**12, 10**20, float("inf"), float("nan"), "", "1e-3"),
    *("16", "yes", "plugins", "gru", "dot", "copy", "a" * 5000, "x\0y", "日本", [], {}, [[]], [1, 2], [None], ["dot"]),
    *({"gru": {}}, {"dot": None}, {"a": 1, "b": 2}, {1: 2}, [[1, 2], [3]], list(range(50)), "no/such.py", "4GB"),
]
TEXTS = [
    *(
        "0100",
        "1:30",
        "&a ",
        "*a",
        "<<: ",
        "{",
        "}",
        "[",
        "]",
        ": ",
        ", ",
        "- ",
        "\n",
        "\t",
        "'",
        '"',
        "!!int ",
        "#",
        "|",
    ),
    *("yes", "~", ".inf", "2020-01-01", "---\n", "? ", "%", "\x07", "\ufeff", "9" * 400, "  ", "@", "!!python/x "),
]


def mutated(source: random.Random) -> str:
    """Return the text of a suite with one to three mistakes, in its values or in its text."""
    suite = copy.deepcopy(BASE)
    for _ in range(source.choice([1, 1, 1, 2, 3])):
        change(suite, source)
    text = yaml.safe_dump(suite, sort_keys=False, default_flow_style=source.choice([None, True, False]))
    for _ in range(source.choice([0, 0, 0, 1, 2])):
        start = source.randrange(len(text))
        stop = start + source.choice([0, 0, 1, 2, 10])
        text = text[:start] + source.choice([*TEXTS, text[start : start + 40], ""]) + text[stop:]
    return text


def _places(node):
    """Yield container and key of every node below this one."""
    for key in node if isinstance(node, dict) else range(len(node)):
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def change(suite, source: random.Random) -> None:
    """Change one node of the tree: replace it by another value, remove it, rename its key, or repeat it."""
    where = list(_places(suite))
    container, key = source.choice(where)
    match source.randrange(5):
        case 0 | 1:
            container[key] = copy.deepcopy(source.choice(VALUES))
        case 2:
            del container[key]
        case 3 if isinstance(container, dict):
            container[source.choice([str(key)[:-1], f"{key}s", "plugins", "layers", 3, None])] = container.pop(key)
        case _:
            other = copy.deepcopy(source.choice(where))
            container[key] = other[0][other[1]] if isinstance(container, dict) else [container[key]] * 2


@contextmanager
def limited():
    def stop(number, frame):
        raise TimeoutError(f"it took more than {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(path, seed: int) -> str | None:
    """Return the sentence for the mutated suite of this seed, None where it has a plan."""
    path.write_text(mutated(random.Random(seed)), encoding="utf-8")
    try:
        with limited():
            made = make_plan(SuiteFile(path), folder=path.parent / "no-plugins")
            assert made.planned
            assert all(made.description(each) for each in made.planned)
    except UserError as error:
        return str(error)
    return None


@pytest.mark.parametrize("seeds", [range(50), pytest.param(range(50, 10_050), marks=pytest.mark.slow)], ids=str)
def test_mutated_suites(tmp_path, forget_plugins, seeds):
    path = tmp_path / "mutated.yaml"
    for seed in seeds:
        try:
            sentence = tried(path, seed)
        except Exception as error:
            raise AssertionError(f"suite {seed}: {path.read_text()}") from error
        if sentence is not None:
            assert sentence.startswith(f"{path}:"), sentence
            assert "\n" not in sentence, sentence
            assert len(sentence) < len(str(path)) + 1000, sentence
