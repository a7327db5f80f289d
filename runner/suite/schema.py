"""The schema of suite files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ByteSize, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from registry import SpecError
from registry.spec import split

from ..training.recipe import Positive, Recipe

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
LONGEST_NAME = 100  # it is the name of a folder
MOST_SEEDS, MOST_THREADS = 10_000, 1024
MOST_PARAMETERS = 10**11
MOST_KEPT = 100
MOST_RETRIES = 10
LEAST_MEMORY, MOST_MEMORY = 10**6, 10**14


RATES = Field(min_length=1, description="a number greater than 0, or a list of such numbers,")


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

    learning_rate: Annotated[tuple[Positive, ...], RATES] = (3e-3,)  # type: ignore[assignment]

    @field_validator("learning_rate", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return value if isinstance(value, list | tuple) else (value,)

    def recipes(self, width: int) -> list[Recipe]:
        """Return the recipe with each learning rate, for a mechanism of this width."""
        fields = self.model_dump() | {"width": width}
        return [Recipe(**{**fields, "learning_rate": rate}) for rate in self.learning_rate]


class Limits(_Strict):
    """The limits of each trial: seconds of wall time (.inf is no limit), and bytes of memory of all its processes."""

    seconds: Annotated[float, Field(strict=True, gt=0, description="a number greater than 0, or .inf,")] = 600.0
    memory: Annotated[ByteSize, Field(description="a size with its unit, from 1MB to 100TB, such as 4GB,")] = ByteSize(
        8 * 10**9
    )

    @field_validator("memory", mode="wrap")
    @classmethod
    def _possible(cls, value: object, read: Callable[[object], ByteSize]) -> ByteSize:
        # A number without a unit is a number of bytes, and true is 1.
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise PydanticCustomError("size", "no size")
        try:
            size = read(value)
        except OverflowError:
            size = ByteSize(MOST_MEMORY + 1)
        if not LEAST_MEMORY <= size <= MOST_MEMORY:
            raise PydanticCustomError("size", "no possible size")
        return size


class Match(_Strict):
    """The number of parameters of all mechanisms: each gets the width that comes nearest to it.

    Only the parameters of the mechanism are counted, without embedding and readout.
    """

    parameters: Annotated[
        int,
        Field(strict=True, ge=1, le=MOST_PARAMETERS, description=f"a whole number from 1 to {MOST_PARAMETERS:,}"),
    ]


class Keep(_Strict):
    """What is kept of each trained network beside its measurements: the attention weights of some test examples."""

    weights: Annotated[
        int, Field(strict=True, ge=1, le=MOST_KEPT, description=f"a whole number of examples from 1 to {MOST_KEPT}")
    ]


class Suite(_Strict):
    """A whole suite file."""

    name: Annotated[
        str,
        Field(
            pattern=NAME,
            max_length=LONGEST_NAME,
            description=f"a name of up to {LONGEST_NAME} letters, digits and . _ - that begins with a letter or digit",
        ),
    ]
    seeds: Annotated[
        int, Field(strict=True, ge=1, le=MOST_SEEDS, description=f"a whole number from 1 to {MOST_SEEDS:,}")
    ] = 1
    mechanisms: Annotated[
        tuple[Mechanism, ...], Field(min_length=1, description="a list of mechanisms, such as [lstm, transformer],")
    ]
    tasks: Annotated[tuple[Task, ...], Field(description="a list of tasks, such as [copy: {length: 20}],")] = ()
    train: Training = Training()
    match: Match | None = None
    budget: Annotated[
        Literal["examples", "flops", "seconds"], Field(description="one of examples, flops and seconds,")
    ] = "examples"
    probes: Annotated[tuple[Probe, ...], Field(min_length=1, description="a list of probes, such as [accuracy],")]
    keep: Keep | None = None
    limits: Limits = Limits()
    retries: Annotated[
        int, Field(strict=True, ge=0, le=MOST_RETRIES, description=f"a whole number from 0 to {MOST_RETRIES}")
    ] = 0
    threads: Annotated[
        int, Field(strict=True, ge=1, le=MOST_THREADS, description=f"a whole number from 1 to {MOST_THREADS:,}")
    ] = 1
    plugins: Annotated[tuple[str, ...], Field(description="a list of files and modules, such as [my_score.py],")] = ()
