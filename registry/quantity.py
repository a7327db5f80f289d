"""What a number is that trials yield."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from .errors import UserError

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True)
class Quantity:
    """What a number is: declared by whatever measures it, stored with a run, read by every table and figure.

    `title` is what it is called in words, `unit` "" for a pure number. `over` are the coordinates at which it is
    measured, beside the stage: "length", "step", "distance" or any other. `digits` are those behind the decimal point
    in tables; None: three significant digits.
    """

    name: str
    title: str
    unit: str = ""
    better: Better = "neither"
    over: tuple[str, ...] = ()
    digits: int | None = None

    @property
    def heading(self) -> str:
        """The title with its unit, as it stands above a column or beside an axis."""
        return f"{self.title} ({self.unit})" if self.unit else self.title

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Quantity:
        return cls(**{**data, "over": tuple(data["over"])})


def by_name(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Return the quantities by name. Raises UserError where two of one name are not equal."""
    found: dict[str, Quantity] = {}
    for quantity in quantities:
        if found.setdefault(quantity.name, quantity) != quantity:
            ways = f"{found[quantity.name].to_json()} and {quantity.to_json()}"
            raise UserError(f"the quantity '{quantity.name}' is declared in two ways, {ways}; rename one of them")
    return found
