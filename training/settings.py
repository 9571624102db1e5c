"""What a training configuration decides."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, replace
from pathlib import Path

from training.model import STRIDE


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

    def __post_init__(self) -> None:
        if self.crop_size <= 0 or self.crop_size % STRIDE:
            raise ValueError(f"crop: expected a multiple of {STRIDE} pixels, got {self.crop_size}")
        if self.batch < 1:
            raise ValueError(f"batch: expected at least 1, got {self.batch}")


def config_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).with_name("configs"))]))


def load_settings(config: str, crop_size: int | None = None, batch: int | None = None) -> Settings:
    """Those of `training/configs/<config>.py`, with other crops where given. Raises ValueError."""
    settings: Settings = importlib.import_module(f"training.configs.{config}").SETTINGS
    crop_size = settings.crop_size if crop_size is None else crop_size
    return replace(settings, crop_size=crop_size, batch=settings.batch if batch is None else batch)
