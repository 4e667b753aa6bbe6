"""How many steps a run takes, where it is told in passes over the data."""

from __future__ import annotations

import math
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from .settings import LoopSettings, Natural, Share


class PassesLoop(LoopSettings):
    """``[loop]`` of a stage that reads its examples so many times over."""

    steps: Natural = Field(default=0, description="Optimiser steps in all; 0 is as many as ``epochs`` take.")
    learning_rate: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="AdamW's, at its highest; 0 is what suits the stage."
    )
    warmup_share: Share = Field(
        default=0.03, description="Share of the steps in which the rate rises, where warmup_steps is 0."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if 0 < self.steps <= self.warmup_steps:
            raise ValueError(f"warmup_steps is {self.warmup_steps!r}: it must be below steps, {self.steps!r}")
        return self


def settled(
    loop: PassesLoop, *, examples: int, batch: int, epochs: float, learning_rate: float
) -> LoopSettings:
    """Return the loop's settings for so many ``examples``, ``batch`` a step; ``learning_rate`` is taken if none is given."""
    given: dict[str, Any] = loop.model_dump(exclude={"warmup_share"})
    steps = loop.steps or max(1, math.ceil(examples * epochs / batch))
    warmup = loop.warmup_steps or int(steps * loop.warmup_share)
    given |= {
        "steps": steps,
        "warmup_steps": min(warmup, steps - 1),
        "learning_rate": loop.learning_rate or learning_rate,
    }
    return LoopSettings(**given)
