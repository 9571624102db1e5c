"""Every network that is trained here, by its task and its name: what checkpoints and exports know them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from training.model import CONFIGS, DeepImageMatting, ModelConfig
from training.salient import SALIENT_CONFIGS, SalientConfig, SalientObjects

Config: TypeAlias = ModelConfig | SalientConfig
Network: TypeAlias = DeepImageMatting | SalientObjects
Kind: TypeAlias = tuple[str, str]  # task and network

MATTING: Kind = (ModelConfig.task, ModelConfig.network)
SEGMENTATION: Kind = (SalientConfig.task, SalientConfig.network)
KINDS = (MATTING, SEGMENTATION)
ALL_CONFIGS: dict[str, Config] = {**CONFIGS, **SALIENT_CONFIGS}


def kind_of(config: Config) -> Kind:
    return config.task, config.network


def read_config(kind: Kind, values: Mapping[str, Any]) -> Config:
    """The inverse of a configuration's `to_dict`; raises TypeError or ValueError where it is none."""
    return ModelConfig(**values) if kind == MATTING else SalientConfig(**values)


def make_network(config: Config) -> Network:
    """With random weights."""
    return DeepImageMatting(config) if isinstance(config, ModelConfig) else SalientObjects(config)


def training_alone(model: Network) -> Sequence[str]:
    """Layers that an exported file does without."""
    return model.training_alone if isinstance(model, SalientObjects) else ()
