"""Weights that a run begins with: from a checkpoint, a .safetensors file, or an ONNX file that `export` wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper
from torch import Tensor

from dim_trt.errors import Error
from dim_trt.graph.load import Source, load_onnx
from training.checkpoints import CheckpointError, load_network
from training.data.preprocess import PREPROCESSING_OF, TRIMAP_SCALE, UNKNOWN, Preprocessing
from training.foreign.importing import import_checkpoint
from training.foreign.reading import find_tensors, load_tensors, opened
from training.model import DeepImageMatting, ModelConfig
from training.networks import Config, Network, make_network, read_config, training_alone
from training.salient import SalientConfig
from training.unfolding import unfold_batch_norm

COLORS = 3  # input channels; what follows is the trimap
OWN_METADATA = {"dim_trt.model", "dim_trt.preprocessing"}


def initial_weights(path: Path, config: Config, crop_size: int) -> dict[str, Tensor]:
    """The state of a network of `config`.

    crop_size: of the scenes, in pixels, that measure batch norm's statistics where an ONNX file has it folded.
    Raises CheckpointError where the file holds another network, or is none of these.
    """
    if isinstance(config, SalientConfig):
        return salient_weights(path, config, crop_size)
    if path.suffix == ".onnx":
        return read_onnx(path, crop_size, config).state_dict()
    if (tensors := own_tensors(path, config)) is not None:
        return tensors
    found = import_checkpoint(path)
    check(path, found.model.config, config, found.preprocessing)
    return found.model.state_dict()


def salient_weights(path: Path, config: SalientConfig, crop_size: int) -> dict[str, Tensor]:
    """Of such a network, or encoder and decoder of one for matting that is as wide, with random heads."""
    if path.suffix == ".safetensors":
        raise CheckpointError(f"{path}: a network that finds objects begins with a checkpoint or an .onnx file")
    found = read_onnx(path, crop_size) if path.suffix == ".onnx" else load_network(path)
    if isinstance(found.config, SalientConfig):
        check_config(path, found.config, config)
        return found.state_dict()
    shared = found.config.width, found.config.norm
    if shared != (config.width, config.norm):
        raise CheckpointError(f"{path}: a network for matting of width and norm {shared}, expected "
                              f"{config.width, config.norm}; choose the matching --config")  # fmt: skip
    return begun_by_matting(found, config)


def begun_by_matting(found: Network, config: SalientConfig) -> dict[str, Tensor]:
    """What both kinds of network have in common; a picture without a trimap is to it one that is unknown everywhere."""
    matting, weights = found.state_dict(), make_network(config).state_dict()
    first, bias = matting["conv1_1.conv.weight"], matting["conv1_1.conv.bias"]
    matting["conv1_1.conv.bias"] = bias + UNKNOWN * TRIMAP_SCALE * first[:, COLORS:].sum((1, 2, 3))
    matting["conv1_1.conv.weight"] = first[:, :COLORS]
    common = {name: values for name, values in matting.items()
              if name in weights and values.shape == weights[name].shape}  # fmt: skip
    return weights | common


def own_tensors(path: Path, config: ModelConfig) -> dict[str, Tensor] | None:
    """Those of a .safetensors file that somebody else wrote in the checkpoint's names; None of other files."""
    if path.suffix != ".safetensors":
        return None
    expected = {name: tuple(tensor.shape) for name, tensor in DeepImageMatting(config).state_dict().items()}
    with opened(path) as content:
        if "dim_trt.config" in content.get("metadata", ()):
            return None
        stored = find_tensors(content, path).tensors
        if {name: tuple(tensor.shape) for name, tensor in stored.items()} != expected:
            return None
        counters = {name for name in expected if name.endswith("num_batches_tracked")}
        return load_tensors(stored, expected.keys() - counters, path) | {name: stored[name] for name in counters}


def check(path: Path, stored: Config, config: Config, preprocessing: Preprocessing) -> None:
    check_config(path, stored, config)
    if preprocessing != PREPROCESSING_OF[config.task]:
        raise CheckpointError(f"{path}: its network is fed otherwise than this program feeds networks it trains")


def check_config(path: Path, stored: Config, config: Config) -> None:
    if stored != config:
        raise CheckpointError(f"{path}: holds {stored}, expected {config}; choose the matching --config")


def read_onnx(path: Path, crop_size: int, config: Config | None = None) -> Network:
    """config: what it must be; None is any network of this program."""
    folded, stored = read_folded(path, config)
    return unfold_batch_norm(folded, stored, crop_size) if stored.norm == "batch" else folded


def read_folded(path: Path, config: Config | None = None) -> tuple[Network, Config]:
    """The same as it is in the file, without batch norm, and the configuration that it had in training."""
    source = read_source(path)
    try:
        stored = read_config((source.task, source.network), source.model)
        preprocessing = Preprocessing.from_dict(source.preprocessing)
    except (KeyError, TypeError, ValueError) as error:
        raise foreign(path, f"its metadata describe no network of this program: {error}") from error
    check(path, stored, config or stored, preprocessing)
    folded = make_network(replace(stored, norm="none")).eval()
    folded.load_state_dict(folded_weights(path, source, folded))
    return folded, stored


def read_source(path: Path) -> Source:
    try:
        metadata = {entry.key for entry in onnx.load(path, load_external_data=False).metadata_props}
    except (OSError, DecodeError) as error:
        raise CheckpointError(f"{path}: missing, truncated or no ONNX file ({error})") from error
    if missing := OWN_METADATA - metadata:
        raise foreign(path, f"it has no metadata {', '.join(sorted(missing))}")
    try:
        return load_onnx(path)
    except Error as error:
        raise CheckpointError(f"{path}: cannot begin with it: {error}") from error


def folded_weights(path: Path, source: Source, folded: Network) -> dict[str, Tensor]:
    """By the names of `folded`. Convolutions have the names of the layers; of equal tensors the exporter may keep one,
    and leaves out biases of 0. Layers of training alone keep their values."""
    graph = source.proto.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    inputs = {node.name: node.input[1:] for node in graph.node if node.op_type == "Conv"}
    weights = {}
    for name, expected in folded.state_dict().items():
        layer, _, part = name.partition(".conv.")
        if layer in training_alone(folded):
            weights[name] = expected
            continue
        if layer not in inputs:
            raise foreign(path, f"it has no convolution {layer}")
        tensors = dict(zip(("weight", "bias"), inputs[layer], strict=False))
        if part == "bias" and part not in tensors:
            weights[name] = torch.zeros_like(expected)
            continue
        if tensors.get(part) not in stored:
            raise foreign(path, f"{layer}: its {part} is not stored")
        values = numpy_helper.to_array(stored[tensors[part]])
        if values.shape != tuple(expected.shape):
            raise foreign(path, f"{layer}: expected a {part} {list(expected.shape)}, got {list(values.shape)}")
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def foreign(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(
        f"{path}: was not written by training.export of this program ({reason}); begin with a checkpoint instead"
    )
