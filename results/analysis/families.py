"""Mechanisms that belong together: a model with its alignments, or the models that have none to choose."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

NO_ALIGNMENT = "without an alignment"


@dataclass(frozen=True)
class Family:
    """Mechanisms that are drawn together, under one title.

    `names` are what they are called below that title, by label; `every` is what to call them all, None where they have
    no more in common than having no alignment.
    """

    title: str
    names: dict[str, str]
    every: str | None = None

    @property
    def mechanisms(self) -> tuple[str, ...]:
        return tuple(self.names)


def families(trials: pd.DataFrame) -> list[Family]:
    """Return the families in the order of the plan, the models without an alignment first."""
    each = trials.drop_duplicates("mechanism")
    hosted = each["mechanism.alignment"].notna()
    alone = [str(name) for name in each.loc[~hosted, "mechanism"]]
    found = [Family(NO_ALIGNMENT, dict(zip(alone, alone, strict=True)))] if alone else []
    return [*found, *(_hosted(str(host), rows) for host, rows in each[hosted].groupby("model", sort=False))]


def mechanisms_of(trials: pd.DataFrame, model: str, alignment: str | None = None) -> list[str]:
    """Return the labels of a model's mechanisms, of those with that alignment if one is given, as planned."""
    rows = trials[trials["model"] == model]
    if alignment is not None:
        rows = rows[rows["mechanism.alignment"] == alignment]
    return [str(name) for name in rows["mechanism"].unique()]


def _hosted(host: str, rows: pd.DataFrame) -> Family:
    # The label of a single one has nothing inside; its alignment tells more.
    column = "variant" if len(rows) > 1 else "mechanism.alignment"
    names = {str(name): str(short) for name, short in zip(rows["mechanism"], rows[column], strict=True)}
    every = f"{host} with every score" if rows["mechanism.alignment"].is_unique else f"every {host}"
    return Family(host, names, every)
