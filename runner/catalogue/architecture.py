"""The pictures in docs/architecture.md: which package and which folder imports which, read off the sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from registry import UserError

from ..plugins import ROOT
from ..trial.imports import PACKAGES, imports_of

PATH = ROOT / "docs" / "architecture.md"
MARK = "<!-- From here on written by `python -m runner docs` from the import statements. -->"

Graph = Mapping[str, set[str]]


def architecture_page(text: str) -> str:
    """Return the text of docs/architecture.md with the pictures drawn again; what stands above them stays."""
    head, mark, _ = text.partition(MARK)
    if not mark:
        raise UserError(f"{PATH} has lost the line behind which the pictures stand: {MARK}")
    parts = [head + mark, "## The imports, as they are", LEAD, drawn(packages())]
    for package in PACKAGES:
        parts += [f"### Inside {package}", drawn(folders(package))]
    return "\n\n".join(parts) + "\n"


LEAD = """\
An arrow says "imports". An arrow that others imply is left out: where a imports b and b imports c, a may import c."""


def packages() -> Graph:
    """Return which package imports which."""
    found = {package: set[str]() for package in PACKAGES}
    for module in modules():
        own = module.split(".")[0]
        found[own] |= {wanted.module.split(".")[0] for wanted in imports_of(module)} & set(PACKAGES) - {own}
    return found


def folders(package: str) -> Graph:
    """Return which folder or file at the top of a package imports which other."""
    known = {path.stem for path in (ROOT / package).iterdir() if path.name not in ("__pycache__", "__init__.py")}
    inside = [module for module in modules() if module.startswith(f"{package}.")]
    found = {module.split(".")[1]: set[str]() for module in inside}
    for module in inside:
        own = module.split(".")[1]
        for wanted in imports_of(module):
            path = f"{wanted.module}.{wanted.name}".split(".")
            if path[0] == package and path[1] in known and path[1] != own:
                found[own].add(path[1])
    return _merged(found, package)


def _merged(graph: Graph, package: str) -> Graph:
    """Draw the many files of a package that register one class each, as tasks are, as one."""
    shared = ("task", "spaces")
    files = {name for name in graph if (ROOT / package / f"{name}.py").is_file()}
    single = {name for name in files if package == "tasks" and name not in shared}
    if not single:
        return graph
    rest = {name: wanted for name, wanted in graph.items() if name not in single}
    return rest | {"one file a task": set[str]().union(*(graph[name] for name in single)) - single}


def modules() -> Iterable[str]:
    """Yield the names of all modules of the project."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            yield _name(file.relative_to(ROOT))


def _name(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def drawn(graph: Graph) -> str:
    """Return a graph as a Mermaid diagram, without the arrows that others imply."""
    numbers = {name: f"n{index}" for index, name in enumerate(sorted(graph))}
    lines = [f'    {numbers[name]}["{name}"]' for name in sorted(graph)]
    for name in sorted(graph):
        implied = {far for near in graph[name] for far in _reached(graph, near)}
        lines += [f"    {numbers[name]} --> {numbers[near]}" for near in sorted(graph[name] - implied)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


def _reached(graph: Graph, start: str) -> set[str]:
    todo, found = list(graph[start]), set[str]()
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += graph[name]
    return found
