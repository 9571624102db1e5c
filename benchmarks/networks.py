"""The networks to measure: as an ONNX file, and the same weights as a PyTorch module."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import onnx
import torch

from benchmarks.pictures import stripe
from dim_trt.plans.builder import onnx_file
from training.data.preprocess import network_input
from training.export import export_onnx
from training.model import CONFIGS, DeepImageMatting, ModelConfig
from training.random_heads import normalise_heads

SHIPPED = "shipped"  # the weights that come with the package
CALIBRATION_SIZE = (96, 160)
MODEL_HELP = f"{', '.join(sorted(CONFIGS))} with random weights, {SHIPPED}, or a dim.onnx (default: %(default)s)"


class Network(NamedTuple):
    name: str
    onnx: Path
    model: DeepImageMatting


def load_network(name: str, folder: Path, seed: int = 0) -> Network:
    """`name`: see MODEL_HELP. A network with random weights is written to `folder`."""
    if name in CONFIGS:
        model = random_model(CONFIGS[name], seed)
        return Network(name, export_onnx(model, folder / f"{name}.onnx"), model)
    if name != SHIPPED and not Path(name).is_file():
        raise SystemExit(f"--model: expected {MODEL_HELP.split(' (')[0]}, got {name!r}")
    with onnx_file(None if name == SHIPPED else name) as path:
        return Network(name if name == SHIPPED else path.stem, path, model_of(path))


def model_of(path: Path) -> DeepImageMatting:
    """What training.export wrote, as a PyTorch module; batch norm is folded there already."""
    proto = onnx.load(path)
    config = json.loads(next(p.value for p in proto.metadata_props if p.key == "dim_trt.model"))
    model = DeepImageMatting(replace(ModelConfig(**config), norm="none")).eval()
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor).copy() for tensor in proto.graph.initializer}
    names = {name: name.replace(".conv.", ".") for name in model.state_dict()}
    model.load_state_dict({name: torch.from_numpy(stored[theirs]) for name, theirs in names.items()})
    return model


def random_model(config: ModelConfig, seed: int) -> DeepImageMatting:
    """Random weights, with logits of mean zero and standard deviation one: alpha depends on every layer."""
    torch.manual_seed(seed)
    model = DeepImageMatting(config).eval()
    picture = stripe(*CALIBRATION_SIZE, 1.0)
    x = torch.from_numpy(network_input(picture.img, picture.trimap))[None]
    normalise_heads(model, x)
    return model
