"""What the findings say of a run that is made up of a few numbers."""

from __future__ import annotations

from pathlib import Path

from results import CellRow, Measurement, Store
from results.analysis.run import read
from results.report.contents import find

Scores = dict[str, list[float]]


def sentences(folder: Path, scores: Scores, rates: dict[str, tuple[float, float]] | None = None) -> list[str]:
    """Findings of a run in which each mechanism has these scores (one a seed), and these tokens/s at 64 and 512."""
    rates = rates or {}
    with Store(folder / "results.sqlite") as store:
        rows = []
        for name, values in scores.items():
            model, _, inside = name.rstrip(")").partition("(")
            plain = {"label": name, "model": model, "alignment": inside or None, "position": len(rows)}
            rows += [
                CellRow(key=f"{name}/{seed}", kind="train", task="copy", length=5, seed=seed, **plain)
                for seed in range(len(values))
            ]
            rows += [CellRow(key=f"{name}/speed", kind="speed", seed=0, **plain)] if name in rates else []
        store.plan(rows)
        for name, values in scores.items():
            for seed, value in enumerate(values):
                store.finish(
                    f"{name}/{seed}",
                    "ok",
                    measurements=[Measurement("accuracy", "normalised", value, stage="test", length=5)],
                )
        for name, tokens in rates.items():
            timed = [
                Measurement("throughput", "train", value, "tokens/s", length=length, low=0.9 * value, high=1.1 * value)
                for length, value in zip((64, 512), tokens, strict=True)
            ]
            store.finish(f"{name}/speed", "ok", measurements=timed)
    return [finding.text for finding in find(read(folder))]


def about(found: list[str], *words: str) -> list[str]:
    return [text for text in found if all(word in text for word in words)]
