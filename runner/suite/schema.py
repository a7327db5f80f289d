"""The schema of suite files."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

from registry import SpecError
from registry.spec import split

from ..training.recipe import Recipe


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _choice(kind: str) -> AfterValidator:
    """Accept a name, or one name with its settings. They are read after the registries are loaded."""

    def check(value: Any) -> Any:
        try:
            split(value, kind)
        except SpecError as error:
            raise ValueError(str(error)) from None
        return value

    return AfterValidator(check)


# `lstm`, or `{transformer: {layers: 2}}`; a list as a setting is swept.
Mechanism: TypeAlias = Annotated[Any, _choice("mechanism")]
Task: TypeAlias = Annotated[Any, _choice("task")]
Probe: TypeAlias = Annotated[Any, _choice("probe")]


class Training(Recipe):
    """The training recipe of all trials. A list of learning rates is swept."""

    learning_rate: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (3e-3,)  # type: ignore[assignment]

    @field_validator("learning_rate", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else (value,)

    def recipes(self, width: int) -> list[Recipe]:
        """Return the recipe with each learning rate, for a mechanism of this width."""
        fields = self.model_dump() | {"width": width}
        return [Recipe(**{**fields, "learning_rate": rate}) for rate in self.learning_rate]


class Limits(_Strict):
    """The limits of each trial: seconds of wall time, and bytes of memory."""

    seconds: PositiveFloat = 600.0
    memory: ByteSize = ByteSize(8 * 10**9)


class Match(_Strict):
    """The number of parameters of all mechanisms: each gets the width that comes nearest to it.

    Only the parameters of the mechanism are counted, without embedding and readout.
    """

    parameters: PositiveInt


class Suite(_Strict):
    """A whole suite file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seeds: Annotated[int, Field(ge=1)] = 1
    mechanisms: Annotated[tuple[Mechanism, ...], Field(min_length=1)]
    tasks: tuple[Task, ...] = ()
    train: Training = Training()
    match: Match | None = None
    probes: Annotated[tuple[Probe, ...], Field(min_length=1)]
    limits: Limits = Limits()
    threads: PositiveInt = 1
    plugins: tuple[str, ...] = ()
