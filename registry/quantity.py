"""Declarations of the numbers that trials measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .errors import UserError

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Quantity:
    """What a measured number is. Whatever measures it declares it; it is stored with a run for tables and figures.

    `title` is its name in words; `unit` is "" for a pure number. `over` are the coordinates at which it is measured,
    besides the stage, such as "length", "step" or "distance". `digits` are the decimal places in tables; None means
    three significant digits.
    """

    name: str
    title: str
    unit: str = ""
    better: Better = "neither"
    over: tuple[str, ...] = ()
    digits: int | None = None

    @property
    def heading(self) -> str:
        """The title with its unit, for the heading of a column or the label of an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quantity:
        return cls(**{**data, "over": tuple(data["over"])})


def by_name(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Return the quantities by name. Raises UserError if two with the same name differ."""
    found: dict[str, Quantity] = {}
    for quantity in quantities:
        if found.setdefault(quantity.name, quantity) != quantity:
            ways = f"{found[quantity.name].to_json()} and {quantity.to_json()}"
            raise UserError(f"the quantity '{quantity.name}' is declared in two ways, {ways}; rename one of them")
    return found
