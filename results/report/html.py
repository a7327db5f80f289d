"""The report: tables, figures and one HTML file, drawn anew only where the results have changed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from ..analysis.run import Results, read
from ..store.files import write_text
from ..views.view import Table
from . import writers
from .contents import draw, find, tables
from .stamp import mark_drawn, report_is_current

__all__ = ["report_is_current", "write_report"]

TOPICS = {
    "score": "Scores",
    "plugin": "Plugins",
    "attention": "What attention changes",
    "gradient": "Gradient flow",
    "cost": "Cost",
    "trouble": "Without a result",
}
LARGEST = 600_000  # bytes: an SVG with more than that goes into the report as PNG


def write_report(run: str | Path) -> Path:
    """Write tables, figures and report of the run in folder `run`, and return the path of report.html.

    Works on a run that is still going on, and on one of which everything failed.
    """
    from ..charts.files import save

    folder = Path(run) / "report"
    # Taken before reading: what changes meanwhile makes the report stale, not current.
    mark = mark_drawn(run)
    results = read(run)
    made = tables(results)
    for table in made:
        writers.save(table, folder / "tables")
    figures = []
    for drawing in draw(results):
        save(drawing, folder / "figures")
        picture = _picture(folder / "figures" / drawing.name)
        figures.append({"name": drawing.name, "title": drawing.title, "reading": drawing.reading, "source": picture})
    page = html(results, made, [vars(finding) for finding in find(results)], figures)
    write_text(folder / "report.html", page)
    mark()
    return folder / "report.html"


def html(results: Results, made: list[Table], findings: list[dict[str, str]], figures: list[dict[str, str]]) -> str:
    """Return the page; `figures` have name, title, reading and source (a data URI)."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent / "templates"
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_name = {table.name: _shown(table) for table in made}
    return environment.get_template("report.html.j2").render(
        name=results.name,
        status=_status(results),
        evidence=[finding["text"] for finding in findings if finding["topic"] == "evidence"],
        findings=[{**each, "place": i} for i, each in enumerate(findings) if each["topic"] != "evidence"],
        topics=TOPICS,
        tables=by_name,
        figures=figures,
        environment=_facts(results.manifest.get("environment")),
        run=_facts({key: results.manifest.get(key) for key in ("suite_file", "created", "commit")}),
        suite=json.dumps(results.manifest.get("suite"), indent=2, ensure_ascii=False) if results.manifest else "",
        plugins=[_facts(plugin) for plugin in results.manifest.get("plugins") or []],
        origins=_origins(results),
        unavailable=_facts(results.manifest.get("unavailable")) | dict(results.unavailable),
    )


def _shown(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "reading": table.reading,
        "columns": [str(column) for column in table.text.columns],
        "rows": [[str(entry) for entry in row] for row in table.text.to_numpy().tolist()],
    }


def _status(results: Results) -> str:
    outcomes = results.all_trials["outcome"]
    done, total = int(outcomes.notna().sum()), len(outcomes)
    well = int((outcomes == "ok").sum())
    still = f"; {total - done} still to run" if done < total else ""
    numbers = {"mechanism": len(results.mechanisms), "task": len(results.tasks), "seed": results.seeds}
    what = ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in numbers.items())
    return f"{what}: {well} of {total} trials ended well{still}"


def _origins(results: Results) -> dict[str, str]:
    named = results.all_trials.dropna(subset=["origin"]).drop_duplicates(["mechanism", "origin"])
    return {str(name): str(origin) for name, origin in zip(named["mechanism"], named["origin"], strict=True)}


def _facts(found: Any) -> dict[str, str]:
    """Return what a manifest says as text; a manifest written by hand may say anything."""
    if not isinstance(found, dict):
        return {} if found is None else {"": str(found)}
    return {str(key): str(value) for key, value in found.items() if value is not None}


def _picture(stem: Path) -> str:
    for suffix, kind in ((".svg", "svg+xml"), (".png", "png")):
        content = stem.with_suffix(suffix).read_bytes()
        if suffix == ".png" or len(content) <= LARGEST:
            return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
    raise AssertionError("the PNG is taken whatever its size")
