"""The report: tables, figures and one HTML file, drawn anew only where the results have changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..analysis.run import Run, read
from ..store.files import write_csv, write_text
from ..views.table import Table
from . import provenance, writers
from .contents import Contents, cautions, contents
from .stamp import mark_drawn, report_is_current

__all__ = ["draw_report", "report_is_current", "write_report"]

WRITTEN = (".csv", ".md", ".tex", ".pdf", ".png", ".svg")
LARGEST = 600_000  # bytes: an SVG with more than that is shown as PNG


def write_report(folder: str | Path) -> Path:
    """Write tables, figures and report of the run in `folder`, and return the path of report.html.

    Works on a run that is still going on, and on one of which everything failed.
    """
    draw_report(folder)
    return Path(folder) / "report" / "report.html"


def draw_report(folder: str | Path) -> Contents:
    """Write what `write_report` writes, and return what it consists of, so that the terminal can show it too."""
    # Taken before reading: what changes meanwhile makes the report stale, not current.
    mark = mark_drawn(folder)
    found = contents(read(folder))
    write_files(found, Path(folder) / "report")
    mark()
    return found


def write_files(found: Contents, to: Path) -> None:
    """Write the tables, the figures and report.html."""
    from ..charts import draw
    from ..charts.files import save
    from ..charts.fonts import told

    lines = provenance.provenance(found.run)
    write_csv(to / provenance.TRIALS, provenance.listed(found.run))
    pictures, missing = {}, set[str]()
    for section in found.sections:
        if section.table is not None:
            writers.save(section.name, section.title, section.table, to / "tables", lines)
        if section.figure is not None:
            try:
                drawn = draw(section.figure, found.run)
                save(drawn, section.figure.data, to / "figures" / section.name, lines)
                missing.update(drawn.missing)
            except OSError:
                raise  # the disk is full, or not to be written to, and that is no fault of the view
            except Exception as error:
                section.mistakes.append(f"the figure of {section.name} failed: {type(error).__name__}: {error}")
                continue
            pictures[section.name] = _picture(to / "figures" / section.name)
    found.notes += [text for text in [told("".join(sorted(missing)))] if text]
    write_text(to / "report.html", html(found, pictures))
    _remove_others(to / "tables", {section.name for section in found.sections if section.table is not None})
    _remove_others(to / "figures", set(pictures))


def _remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the files of an earlier report that have no place in this one: they would look as if they were of it."""
    for file in folder.glob("*"):
        if file.stem not in names and file.suffix in WRITTEN:
            file.unlink(missing_ok=True)


def html(found: Contents, pictures: Mapping[str, str]) -> str:
    """Return the page; `pictures` are data URIs by the name of the view."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    run, first, manifest = found.run, found.first, found.run.manifest
    sections = [
        {
            "name": section.name,
            "title": section.title,
            "table": _shown(section.table),
            "picture": pictures.get(section.name),
            "caption": section.figure.caption if section.figure else "",
            "findings": [finding.text for finding in section.findings if finding not in first],
        }
        for section in found.sections
    ]
    ranking = next((each for each in sections if each["name"] == "ranking"), None)
    capacity = next((each for each in sections if each["name"] == "capacity" and each["picture"]), None)
    return environment.get_template("report.html.j2").render(
        name=run.name,
        status=_status(run),
        cautions=[*cautions(run), *found.notes],
        mistakes=found.mistakes,
        first=[finding.text for finding in first],
        headline=ranking,
        # Where a run has the capacity curve, the report begins with it, and with the ranking otherwise.
        capacity=capacity,
        sections=[each for each in sections if each["name"] != "ranking"],
        environment=_facts(manifest.get("environment")),
        run=_facts({key: manifest.get(key) for key in ("suite_file", "created", "commit")}),
        suite=json.dumps(manifest.get("suite"), indent=2, ensure_ascii=False) if manifest else "",
        plugins=[_facts(plugin) for plugin in manifest.get("plugins") or []],
        origins=_origins(run),
        unavailable=_facts(manifest.get("unavailable")) | dict(run.unavailable),
    )


def _shown(table: Table | None) -> dict[str, Any] | None:
    """Return what the template shows of a table: each entry as text, with the number that it is sorted by."""
    if table is None:
        return None
    columns = [zip(column.whole(), column.keys(), strict=True) for column in table.columns]
    return {
        "caption": table.caption,
        "columns": [{"heading": column.heading, "text": column.is_text} for column in table.columns],
        "rows": [
            [{"text": text, "key": "" if key is None else key} for text, key in row]
            for row in zip(*columns, strict=True)
        ],
    }


def _status(run: Run) -> str:
    outcomes = run.all_trials["outcome"]
    done, total = int(outcomes.notna().sum()), len(outcomes)
    well = int((outcomes == "ok").sum())
    still = f"; {total - done} still to run" if done < total else ""
    numbers = {"mechanism": len(run.mechanisms), "task": len(run.tasks), "seed": run.seeds}
    what = ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for name, number in numbers.items())
    return f"{what}: {well} of {total} trials ended well{still}"


def _origins(run: Run) -> dict[str, str]:
    named = run.all_trials.dropna(subset=["origin"]).drop_duplicates(["mechanism", "origin"])
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
