"""The training recipe, the same for all mechanisms."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt


class Recipe(BaseModel):
    """The training recipe of a trial; docs/measurements.md says what each setting means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: PositiveInt = 64
    batch: PositiveInt = 64
    steps: PositiveInt = 600
    learning_rate: PositiveFloat = 3e-3
    warmup: Annotated[int, Field(ge=0)] = 50
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip: PositiveFloat = 1.0
    evaluate_every: PositiveInt = 25
    validation_examples: PositiveInt = 256
    test_examples: PositiveInt = 1024
