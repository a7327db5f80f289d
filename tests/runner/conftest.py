"""Suites and plugins written to a temporary folder, and the command line as a person calls it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.plugins import REGISTRIES

ROOT = Path(__file__).resolve().parents[2]

TINY = {
    "name": "tiny",
    "seeds": "1",
    "mechanisms": "[gru]",
    "tasks": "[copy: {length: 3, items: 2}]",
    "train": "{width: 8, batch: 8, steps: 6, evaluate_every: 3, validation_examples: 16, test_examples: 16}",
    "probes": "[accuracy]",
    "limits": "{seconds: 60, memory: 3GB}",
}


@dataclass
class Shell:
    folder: Path

    def __call__(self, *arguments: object, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run `python -m runner` from the project's root, as a person does."""
        return subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=self.environment()
        )

    def run(self, suite: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self("run", suite, "--out", self.runs, "--device", "cpu", "--no-report", *arguments)

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "runner", *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}

    @property
    def runs(self) -> Path:
        return self.folder / "runs"


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


@pytest.fixture
def write(tmp_path):
    """Write a file below the test's folder and return its path."""

    def _write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return _write


@pytest.fixture
def tiny(write):
    """Write the tiny suite with some keys changed, each on a line of its own; None leaves a key out."""

    def _tiny(**changes: str | None) -> Path:
        lines = {key: value for key, value in {**TINY, **changes}.items() if value is not None}
        return write("tiny.yaml", "".join(f"{key}: {value}\n" for key, value in lines.items()))

    return _tiny


@pytest.fixture
def forget_plugins():
    """Leave the registries as they were."""
    yield
    for registry in REGISTRIES.values():
        for entry in registry.entries():
            if entry.origin.is_plugin:
                registry.forget(entry.name)
