"""Tensors of a public implementation -> our network, by the repository that fits them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from training.checkpoints import CheckpointError, load_network
from training.data.preprocess import PREPROCESSING, SALIENT, Preprocessing
from training.folding import fold
from training.foreign.layouts import NORM_COUNTER, NORM_PARTS
from training.foreign.naming import strip_prefix
from training.foreign.reading import find_tensors, load_tensors, opened
from training.foreign.repositories import REPOSITORIES, Repository
from training.model import DeepImageMatting, ModelConfig
from training.networks import Network

LICENCE = "MIT"  # of networks trained here
ORIGIN = "Deep Image Matting network of the dim_trt project, trained with its `training` package"
SALIENT_ORIGIN = "Salient-object network of the dim_trt project, trained with its `training` package"
Tensors = Mapping[str, Tensor]


class Shaped(Protocol):
    """A tensor, or one whose numbers were not read yet."""

    @property
    def shape(self) -> tuple[int, ...]: ...


Shapes = Mapping[str, Shaped]


@dataclass(frozen=True)
class Imported:
    """A network in eval mode, what has to go with it, and, where that is not plain, where in the file it was."""

    model: Network
    preprocessing: Preprocessing = PREPROCESSING
    licence: str = LICENCE
    origin: str = ORIGIN
    repository: str = "dim_trt"
    found: str = ""


def trained_here(model: Network) -> Imported:
    """A network of this program, fed as it feeds networks."""
    if isinstance(model, DeepImageMatting):
        return Imported(model)
    return Imported(model, SALIENT, origin=SALIENT_ORIGIN)


def import_checkpoint(path: Path | str, repository: str | None = None) -> Imported:
    """Read a checkpoint of this program or of one in REPOSITORIES; raises CheckpointError that names what is wrong."""
    path = Path(path)
    if repository is not None and repository not in REPOSITORIES:
        raise CheckpointError(f"--repository: expected one of {', '.join(REPOSITORIES)}; got {repository!r}")
    with opened(path) as content:
        if own := _own(content):
            if repository is not None:
                raise CheckpointError(
                    f"--repository: {path} was written by this program and knows its network; leave it out"
                )
            return own(content, path)
        stored, keys, wrappers = find_tensors(content, path)
        names = {name for known in REPOSITORIES.values() for name in _names(known, {})}
        tensors, prefix = strip_prefix(stored, names)
        chosen = choose_repository(tensors, path) if repository is None else REPOSITORIES[repository]
        if problem := misfit(chosen, tensors):
            fitting = ", ".join(name for name, other in REPOSITORIES.items() if not misfit(other, tensors))
            hint = f"; it fits {fitting}" if fitting else ""
            raise CheckpointError(f"{path}: --repository {chosen.name}: {problem}{hint}")
        model = build_model(chosen, load_tensors(tensors, _expected(chosen, tensors), path))
    origin = f"{chosen.source}; imported from {path.name}; its own program gives this alpha for {chosen.same_alpha}"
    found = [f"under {'.'.join(keys)}"] if keys else []
    found += [f"without {' and '.join(filter(None, (*wrappers, prefix)))} in their names"] if wrappers or prefix else []
    return Imported(model, chosen.preprocessing, chosen.licence, origin, chosen.name, ", ".join(found))


def choose_repository(tensors: Shapes, path: Path) -> Repository:
    """The only repository that fits; raises CheckpointError when none does, or several that differ in the result."""
    fitting = [repository for repository in REPOSITORIES.values() if not misfit(repository, tensors)]
    if not fitting:
        nearest = max(REPOSITORIES.values(), key=lambda repository: len(_names(repository, tensors) & set(tensors)))
        if not _names(nearest, tensors) & set(tensors):
            first = ", ".join(list(tensors)[:3])
            raise CheckpointError(
                f"{path}: has keys of no repository ({first}, …); known are {', '.join(REPOSITORIES)}"
            )
        raise CheckpointError(f"{path}: fits no repository; the nearest is {nearest.name}: {misfit(nearest, tensors)}")
    results = {_result(repository, tensors) for repository in fitting}
    if len(results) > 1:
        choices = "; ".join(f"--repository {repository.name} ({repository.differs})" for repository in fitting)
        raise CheckpointError(f"{path}: the tensors fit several repositories; say which release it is: {choices}")
    return fitting[0]


def misfit(repository: Repository, tensors: Shapes) -> str:
    """The first thing in which the tensors differ from what the repository expects, with its key; empty if nothing."""
    expected = _expected(repository, tensors)
    for name, shape in expected.items():
        if name not in tensors:
            return f"{name} is missing"
        if tuple(tensors[name].shape) != shape:
            return f"{name}: expected shape {list(shape)}, got {list(tensors[name].shape)}"
    for name in tensors:
        if name not in expected and name not in _counters(repository):
            return f"{name} is none of its tensors"
    return ""


@torch.no_grad()
def build_model(repository: Repository, tensors: Tensors) -> DeepImageMatting:
    """Our network with these tensors, batch norm folded; they must fit."""
    model = DeepImageMatting(_config(repository, tensors)).eval()
    for layer, name in _convolutions(repository, model.config.refine).items():
        weights = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
        if layer in repository.layout.norms:
            gain, shift, mean, variance = (tensors[f"{repository.layout.norms[layer]}.{part}"] for part in NORM_PARTS)
            weights = fold(weights, (gain, shift, mean, variance))
        conv = getattr(model, layer).conv
        conv.weight.copy_(weights[0])
        conv.bias.copy_(weights[1])
    if model.config.refine:
        model.refine_conv1.conv.weight[:, 3] *= repository.refiner_alpha_scale
    return model


def _own(content: Any) -> Callable[[Any, Path], Imported] | None:
    """What reads a file that this program wrote; None for others."""
    if not isinstance(content, Mapping):
        return None
    if {"format", "config", "model"} <= content.keys():
        return lambda _content, path: trained_here(load_network(path))
    metadata = content.get("metadata")
    return _import_own if isinstance(metadata, Mapping) and "dim_trt.config" in metadata else None


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


def _config(repository: Repository, tensors: Shapes) -> ModelConfig:
    """The repository's network with the width and the refiner that the tensors have."""
    names = repository.layout.refiner.values()
    refine = any(f"{name}.weight" in tensors or f"{name}.bias" in tensors for name in names)
    first = tensors.get(f"{repository.layout.convs['conv1_1']}.weight")
    width = first.shape[0] / 64 if first is not None and len(first.shape) == 4 else 1.0
    return replace(repository.config, refine=refine, width=width if 0 < width <= 4 else 1.0)


def _convolutions(repository: Repository, refine: bool) -> dict[str, str]:
    return {**repository.layout.convs, **(repository.layout.refiner if refine else {})}


def _expected(repository: Repository, tensors: Shapes) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor by its name in the file."""
    config = _config(repository, tensors)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, name in _convolutions(repository, config.refine).items():
        weight = _weight_shapes(config)[layer]
        shapes |= {f"{name}.weight": weight, f"{name}.bias": weight[:1]}
        if layer in repository.layout.norms:
            shapes |= {f"{repository.layout.norms[layer]}.{part}": weight[:1] for part in NORM_PARTS}
    return shapes


@cache
def _weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        layers = DeepImageMatting(config).named_children()
    return {name: tuple(layer.get_parameter("conv.weight").shape) for name, layer in layers}


def _names(repository: Repository, tensors: Shapes) -> set[str]:
    return set(_expected(repository, tensors))


def _counters(repository: Repository) -> Iterable[str]:
    return {f"{name}.{NORM_COUNTER}" for name in repository.layout.norms.values()}


def _result(repository: Repository, tensors: Shapes) -> tuple[object, ...]:
    """Two repositories with the same of this give the same alpha."""
    config = _config(repository, tensors)
    return config, repository.preprocessing, repository.refiner_alpha_scale if config.refine else 1.0
