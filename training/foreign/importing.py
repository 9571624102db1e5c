"""Tensors of a public implementation -> our network, by the profile that fits them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.checkpoints import CheckpointError, load_model
from training.data.preprocess import PREPROCESSING, Preprocessing
from training.folding import fold
from training.foreign.layouts import NORM_COUNTER, NORM_PARTS
from training.foreign.profiles import PROFILES, Profile
from training.foreign.reading import read_file, tensors_of
from training.model import DeepImageMatting, ModelConfig

LICENCE = "MIT"  # of networks trained here
ORIGIN = "Deep Image Matting network of the dim_trt project, trained with its `training` package"
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Imported:
    """A network in eval mode, and what has to go with it."""

    model: DeepImageMatting
    preprocessing: Preprocessing = PREPROCESSING
    licence: str = LICENCE
    origin: str = ORIGIN
    profile: str = "dim_trt"


def import_checkpoint(path: Path | str, profile: str | None = None) -> Imported:
    """Read a checkpoint of this program or of one in PROFILES; raises CheckpointError that names what is wrong."""
    path = Path(path)
    if profile is not None and profile not in PROFILES:
        raise CheckpointError(f"--profile: expected one of {', '.join(PROFILES)}; got {profile!r}")
    content = read_file(path)
    if {"format", "config", "model"} <= content.keys() or "dim_trt.config" in content.get("metadata", {}):
        if profile is not None:
            raise CheckpointError(f"--profile: {path} was written by this program and knows its network; leave it out")
        return _import_own(content, path) if "metadata" in content else Imported(load_model(path))
    tensors = tensors_of(content, path)
    chosen = choose_profile(tensors, path) if profile is None else PROFILES[profile]
    if problem := misfit(chosen, tensors):
        fitting = ", ".join(name for name, other in PROFILES.items() if not misfit(other, tensors))
        hint = f"; it fits {fitting}" if fitting else ""
        raise CheckpointError(f"{path}: --profile {chosen.name}: {problem}{hint}")
    origin = f"{chosen.source}; imported from {path.name}; its own program gives this alpha for {chosen.same_alpha}"
    return Imported(build_model(chosen, tensors), chosen.preprocessing, chosen.licence, origin, chosen.name)


def choose_profile(tensors: Tensors, path: Path) -> Profile:
    """The only profile that fits; raises CheckpointError when none does, or several that differ in the result."""
    fitting = [profile for profile in PROFILES.values() if not misfit(profile, tensors)]
    if not fitting:
        nearest = max(PROFILES.values(), key=lambda profile: len(_names(profile, tensors) & set(tensors)))
        if not _names(nearest, tensors) & set(tensors):
            first = ", ".join(list(tensors)[:3])
            raise CheckpointError(f"{path}: has keys of no profile ({first}, …); known are {', '.join(PROFILES)}")
        raise CheckpointError(f"{path}: fits no profile; the nearest is {nearest.name}: {misfit(nearest, tensors)}")
    results = {_result(profile, tensors) for profile in fitting}
    if len(results) > 1:
        choices = "; ".join(f"--profile {profile.name} ({profile.differs})" for profile in fitting)
        raise CheckpointError(f"{path}: the tensors fit several profiles; say which release it is: {choices}")
    return fitting[0]


def misfit(profile: Profile, tensors: Tensors) -> str:
    """The first thing in which the tensors differ from what the profile expects, with its key; empty if nothing."""
    expected = _expected(profile, tensors)
    for name, shape in expected.items():
        if name not in tensors:
            return f"{name} is missing"
        if tuple(tensors[name].shape) != shape:
            return f"{name}: expected shape {list(shape)}, got {list(tensors[name].shape)}"
    for name in tensors:
        if name not in expected and name not in _counters(profile):
            return f"{name} is none of its tensors"
    return ""


@torch.no_grad()
def build_model(profile: Profile, tensors: Tensors) -> DeepImageMatting:
    """Our network with these tensors, batch norm folded; they must fit."""
    model = DeepImageMatting(_config(profile, tensors)).eval()
    for layer, name in _convolutions(profile, model.config.refine).items():
        weights = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if layer in profile.layout.norms:
            gain, shift, mean, variance = (tensors[f"{profile.layout.norms[layer]}.{part}"] for part in NORM_PARTS)
            weights = fold(weights, (gain, shift, mean, variance))
        conv = getattr(model, layer).conv
        conv.weight.copy_(weights[0])
        conv.bias.copy_(weights[1])
    if model.config.refine:
        model.refine_conv1.conv.weight[:, 3] *= profile.refiner_alpha_scale
    return model


def _import_own(content: Mapping[str, Any], path: Path) -> Imported:
    """A .safetensors file that `writing` wrote."""
    metadata = content["metadata"]
    try:
        config = ModelConfig(**json.loads(metadata["dim_trt.config"]))
        preprocessing = Preprocessing.from_dict(json.loads(metadata["dim_trt.preprocessing"]))
        model = DeepImageMatting(config)
        model.load_state_dict(content["model"])
        licence, origin = metadata["dim_trt.licence"], metadata["dim_trt.origin"]
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: its metadata or tensors were changed ({error})") from error
    return Imported(model.eval(), preprocessing, licence, origin)


def _config(profile: Profile, tensors: Tensors) -> ModelConfig:
    """The profile's network with the width and the refiner that the tensors have."""
    names = profile.layout.refiner.values()
    refine = any(f"{name}.weight" in tensors or f"{name}.bias" in tensors for name in names)
    first = tensors.get(f"{profile.layout.convs['conv1_1']}.weight")
    width = first.shape[0] / 64 if first is not None and first.ndim == 4 else 1.0
    return replace(profile.config, refine=refine, width=width if 0 < width <= 4 else 1.0)


def _convolutions(profile: Profile, refine: bool) -> dict[str, str]:
    return {**profile.layout.convs, **(profile.layout.refiner if refine else {})}


def _expected(profile: Profile, tensors: Tensors) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor by its name in the file."""
    config = _config(profile, tensors)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, name in _convolutions(profile, config.refine).items():
        weight = _weight_shapes(config)[layer]
        shapes |= {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
        if layer in profile.layout.norms:
            shapes |= {f"{profile.layout.norms[layer]}.{part}": weight[:1] for part in NORM_PARTS}
    return shapes


@cache
def _weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        layers = DeepImageMatting(config).named_children()
    return {name: tuple(layer.get_parameter("conv.weight").shape) for name, layer in layers}


def _names(profile: Profile, tensors: Tensors) -> set[str]:
    return set(_expected(profile, tensors))


def _counters(profile: Profile) -> Iterable[str]:
    return {f"{name}.{NORM_COUNTER}" for name in profile.layout.norms.values()}


def _result(profile: Profile, tensors: Tensors) -> tuple[object, ...]:
    """Two profiles with the same of this give the same alpha."""
    config = _config(profile, tensors)
    return config, profile.preprocessing, profile.refiner_alpha_scale if config.refine else 1.0
