"""What a suite file may say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from ..training.recipe import Recipe


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Choice(_Strict):
    """A name, or a name with settings: `lstm`, or `{transformer: {layers: 2}}`."""

    name: str
    settings: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_yaml(cls, value: object) -> object:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1:
            ((name, settings),) = value.items()
            if settings is None or isinstance(settings, dict):
                return {"name": str(name), "settings": settings or {}}
        raise ValueError("expected a name, or one name with its settings as {name: {setting: value}}")


class Limits(_Strict):
    """What one cell may use: wall seconds, and bytes of memory."""

    seconds: PositiveFloat = 600.0
    memory: ByteSize = ByteSize(8 * 10**9)


class Match(_Strict):
    """What is equal for all mechanisms in the width's stead: each gets the width that comes nearest to it.

    The parameters are those of the mixing part alone, without embeddings and readout.
    """

    parameters: PositiveInt


class Suite(_Strict):
    """A suite file, whole."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    seeds: Annotated[int, Field(ge=1)] = 1
    mechanisms: Annotated[tuple[Choice, ...], Field(min_length=1)]
    tasks: tuple[Choice, ...] = ()
    train: Recipe = Recipe()
    match: Match | None = None
    probes: Annotated[tuple[Choice, ...], Field(min_length=1)]
    limits: Limits = Limits()
    plugins: tuple[str, ...] = ()
