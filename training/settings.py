"""What a training configuration decides."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dim_trt.graph.metadata import TASK
from training.model import STRIDE

OPTIONS = {  # of the command line, by the setting that they change
    "crop_size": "crop",
    "batch": "batch",
    "learning_rate": "learning-rate",
    "gradient_loss": "gradient-loss",
    "laplacian_loss": "laplacian-loss",
}


@dataclass(frozen=True)
class Settings:
    """model: a name in `training.networks.ALL_CONFIGS`; crop_size: pixels, a multiple of 32; batch: crops per step;
    learning_rate: the highest of the schedule; warmup_steps: steps until then; ema: decay of the averaged weights;
    clip: gradient norm limit; gradient_loss, laplacian_loss: weights of these further losses, 0 for none;
    bank: drawn layers that scenes are combined from, 0 to draw each scene anew; fresh: new layers for each crop;
    task: a name in `training.tasks.TASKS`."""

    model: str
    crop_size: int
    batch: int
    learning_rate: float
    warmup_steps: int = 200
    ema: float = 0.998
    clip: float = 1.0
    gradient_loss: float = 0.0
    laplacian_loss: float = 0.0
    bank: int = 0
    fresh: float = 0.125
    task: str = TASK

    def __post_init__(self) -> None:
        if self.crop_size <= 0 or self.crop_size % STRIDE:
            raise ValueError(f"crop: expected a multiple of {STRIDE} pixels, got {self.crop_size}")
        if self.batch < 1:
            raise ValueError(f"batch: expected at least 1, got {self.batch}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning-rate: expected more than 0, got {self.learning_rate}")
        if self.bank < 0:
            raise ValueError(f"bank: expected 0 layers or more, got {self.bank}")
        if not 0 <= self.fresh < math.inf:
            raise ValueError(f"fresh: expected 0 or more new layers for a crop, got {self.fresh}")
        for name, weight in self.extra_losses().items():
            if not 0 <= weight < math.inf:
                raise ValueError(f"{name}: expected a weight of 0 or more, got {weight}")
            if weight and self.task != TASK:
                raise ValueError(f"{name}: expected none, as it is for {TASK}, and this configuration for {self.task}")
        if self.bank and self.task != TASK:
            raise ValueError(f"bank: expected 0, as a bank is for {TASK}, and this configuration for {self.task}")

    def extra_losses(self) -> dict[str, float]:
        """Their weights, named as the options are."""
        return {OPTIONS[name]: getattr(self, name) for name in ("gradient_loss", "laplacian_loss")}


@dataclass(frozen=True)
class Plan:
    """What else decides what a run becomes, in words.

    data: "scenes", or the folder of pictures; budget: the length that the learning rate's schedule has; validation: the
    sets of pictures that choose the best network, "" for none.
    """

    data: str = "scenes"
    budget: str = ""
    validation: str = ""


def difference(stored: Mapping[str, Any], settings: Settings) -> str:
    """The first setting in which a run differs from the stored ones, as the option that makes it the same; or ""."""
    for name, value in asdict(settings).items():
        if (old := stored.get(name, value)) != value:
            option = f"--{OPTIONS[name]}" if name in OPTIONS else name
            return f"{option} {old:g}" if isinstance(old, (int, float)) else f"{option} {old}"
    return ""


def data_difference(stored: str, data: str) -> str:
    """As `difference`, of Plan.data. Folders move, and pictures come and go: any of them will do."""
    if (stored == Plan.data) == (data == Plan.data):
        return ""
    return "drawn scenes, without --data" if stored == Plan.data else f"--data {stored}"


def config_names() -> list[str]:
    modules = pkgutil.iter_modules([str(Path(__file__).with_name("configs"))])
    return sorted(module.name.replace("_", "-") for module in modules)


def load_settings(config: str, crop_size: int | None = None, batch: int | None = None, **changes: Any) -> Settings:
    """Those of `training/configs/<config>.py` ("_" for "-"), with what is given instead. Raises ValueError."""
    settings: Settings = importlib.import_module(f"training.configs.{config.replace('-', '_')}").SETTINGS
    given = {"crop_size": crop_size, "batch": batch, **changes}
    return replace(settings, **{name: value for name, value in given.items() if value is not None})
