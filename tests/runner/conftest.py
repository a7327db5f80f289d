"""Suites and plugins written to a temporary folder, and the command line as a person calls it."""

import contextlib
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.plugins import REGISTRIES

ROOT = Path(__file__).resolve().parents[2]

INSIDE = ("check", "new", "ls", "info", "costs", "show", "plan")

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
        """Run `python -m runner` from the root, as a person does; in this process where it starts no other."""
        if arguments[0] in INSIDE:
            return self.inside(*arguments)
        return subprocess.run(
            self.command(*arguments), cwd=ROOT, capture_output=True, text=True, timeout=timeout, env=self.environment()
        )

    def inside(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, which has torch loaded, and leave the registries as they were."""
        output, errors, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(ROOT)
            patch.setattr(sys, "argv", ["runner", *map(str, arguments)])
            for name, value in self.environment().items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
                try:
                    main()
                except SystemExit as ended:
                    code = int(ended.code or 0)
        forget()
        return subprocess.CompletedProcess(self.command(*arguments), code, output.getvalue(), errors.getvalue())

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
    forget()


def forget() -> None:
    for registry in REGISTRIES.values():
        for entry in registry.plugins():
            registry.forget(entry.name)
