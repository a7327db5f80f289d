"""The training recipe, the same for all mechanisms."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

MOST, WIDEST = 10**9, 100_000

# What is expected is said with the type, and messages about suite files use it.
Width: TypeAlias = Annotated[
    int, Field(strict=True, ge=1, le=WIDEST, description=f"a whole number from 1 to {WIDEST:,}")
]
Count: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=MOST, description=f"a whole number from 1 to {MOST:,}")]
CountOrNone: TypeAlias = Annotated[
    int, Field(strict=True, ge=0, le=MOST, description=f"a whole number from 0 to {MOST:,}")
]
Positive: TypeAlias = Annotated[
    float, Field(strict=True, gt=0, allow_inf_nan=False, description="a number greater than 0")
]
NotNegative: TypeAlias = Annotated[
    float, Field(strict=True, ge=0, allow_inf_nan=False, description="a number of at least 0")
]


class Recipe(BaseModel):
    """The training recipe of a trial; docs/measurements.md says what each setting means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Width = 64
    batch: Count = 64
    steps: Count = 600
    learning_rate: Positive = 3e-3
    warmup: CountOrNone = 50
    weight_decay: NotNegative = 0.01
    clip: Positive = 1.0
    evaluate_every: Count = 25
    validation_examples: Count = 256
    test_examples: Count = 1024
