"""What a training configuration decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """model: a name in `training.model.CONFIGS`; crop_size: pixels, a multiple of 32; batch: crops per step;
    learning_rate: the highest of the schedule; warmup_steps: steps until then; ema: decay of the averaged weights;
    clip: gradient norm limit."""

    model: str
    crop_size: int
    batch: int
    learning_rate: float
    warmup_steps: int = 200
    ema: float = 0.998
    clip: float = 1.0
