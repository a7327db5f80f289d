"""What readers that cannot attend score on the tasks of all suites, written to tasks/floors.yaml.

    .venv/bin/python -m benchmarks.shortcut_floors            # what is missing, and what has changed since
    .venv/bin/python -m benchmarks.shortcut_floors cafe dyck  # these tasks again

The lengths are the longest trained length and the test lengths, up to LONGEST; a reader is fitted at the length at
which it is tested. With its default settings a task keeps its lengths where no suite has them any more, since
docs/tasks.md shows all tasks. The readers are in benchmarks/readers.py; examples come from seeds that no run uses.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
import yaml

from registry import Spec
from runner.plugins import ROOT
from runner.suite.file import SuiteFile
from runner.suite.tasks import TaskExpansion
from runner.training import seeds
from tasks import TASKS, Task
from tasks.floors import PATH, Floors, best_reader, measured, read_file, shortcut_floors, task_digest

from .readers import Samples, readers_of, score

LONGEST = 64
FIT, VALIDATION, TEST = 32768, 2048, 4096  # examples
WITHOUT_MEANING = ("smoke",)  # suites whose numbers have none

Stored = dict[str, dict[int, Mapping[str, Any]]]


def wanted() -> dict[str, tuple[Spec, set[int]]]:
    """Return the tasks of all suites, and all with default settings, with lengths, by the identity of the spec."""
    defaults = [TASKS.spec(name) for name in TASKS]
    found = {spec.identity: (spec, set(measured(spec))) for spec in defaults}
    for path in sorted((ROOT / "suites").glob("*.yaml")):
        if path.stem in WITHOUT_MEANING:
            continue
        for fields in TaskExpansion(SuiteFile(path)).tasks():
            tasks = [(fields["task"], fields["test_lengths"])]
            if "earlier" in fields:
                tasks.append((fields["earlier"], (fields["earlier_length"],)))
            for spec, lengths in tasks:
                found.setdefault(spec.identity, (spec, set()))[1].update(n for n in lengths if n <= LONGEST)
    return found


def measure(spec: Spec, length: int) -> Floors:
    """Return the normalised score of each reader."""
    task: Task = spec.build()
    stream = seeds.generator(torch.device("cpu"), "shortcut floors", spec.changed(), length)
    samples = Samples(*(task.sample(length, size, stream) for size in (FIT, VALIDATION, TEST)))
    floors = {}
    for name, read in readers_of(task, samples.fit).items():
        with seeds.scoped("shortcut floors", name):
            floors[name] = round(score(task, length, read, samples), 3)
    return floors


def entries(again: list[str]) -> Iterator[tuple[Spec, int, Mapping[str, Any]]]:
    """Yield what is stored of each task at each length, measured where it is missing, stale or named."""
    for spec, lengths in wanted().values():
        for length in sorted(lengths):
            floors, begin = shortcut_floors(spec, length), time.process_time()
            if floors is None or spec.name in again:
                floors = measure(spec, length)
                reader, value = best_reader(floors)
                seconds = time.process_time() - begin
                print(f"{spec.name:20}{length:4}  {reader:10}{value:6.2f}{seconds:7.1f} s  {floors}", flush=True)
            yield spec, length, {"digest": task_digest(spec.build(), length), "floors": dict(floors)}


def main() -> None:
    torch.set_num_threads(1)
    stored: Stored = {}
    for spec, length, entry in entries(sys.argv[1:]):
        stored.setdefault(spec.identity, {})[length] = entry
        # After each, so that nothing is lost if this ends early; what is not wanted any more goes at the end.
        write({**read_file(), **stored})
    write(stored)


def write(stored: Mapping[str, Mapping[int, Mapping[str, Any]]]) -> None:
    text = yaml.safe_dump(dict(sorted(stored.items())), width=120, sort_keys=False)
    PATH.write_text(f"# Written by `python -m benchmarks.shortcut_floors`.\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
