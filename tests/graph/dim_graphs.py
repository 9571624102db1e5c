"""dim.onnx of a PyTorch model in milliseconds: built node by node, where training.export takes seconds to trace."""

from __future__ import annotations

import functools

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.maps import Maps
from dim_trt.graph.runtime import Session
from tests.support.networks import input_tensor, random_network, random_picture
from tests.support.tiny_graphs import GraphMaker, activation
from training.export import fold_batch_norm
from training.model import Conv, DeepImageMatting, ModelConfig

CONFIGS = {
    "full": ModelConfig(),
    "lite": ModelConfig(width=0.25, norm="batch", skip=True),
    "conv6 3x3, no refiner": ModelConfig(width=0.07, conv6="3x3x512", refine=False),
    "conv6 7x7, clip": ModelConfig(width=0.03, conv6="7x7x4096", output="clip"),
    "skip, clip, no refiner": ModelConfig(width=0.05, skip=True, refine=False, output="clip"),
}
SMALL = ModelConfig(width=0.1, skip=True)
PLAIN = ModelConfig(width=0.1)


@functools.cache
def network(config: ModelConfig, seed: int = 0) -> DeepImageMatting:
    """Random, with logits of order one, batch norm folded. Shared: copy it before changing it."""
    return fold_batch_norm(random_network(config, seed))


def picture_input(height: int = 64, width: int = 96, seed: int = 0) -> NDArray[np.float32]:
    """A preprocessed picture, [1, 4, 32·h, 32·w]."""
    return input_tensor(*random_picture(seed, height, width)).numpy()


def halo_of(model: onnx.ModelProto) -> int:
    return Maps(lower(import_graph(model))).halo_px()


def run(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return Session(model).run(x)[0]


def run_torch(model: DeepImageMatting, x: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return model(torch.from_numpy(x)).numpy()


class DimMaker(GraphMaker):
    def block(self, source: str, conv: Conv, name: str, relu: bool = True) -> str:
        """A convolution of the model."""
        layer = conv.get_submodule("conv")
        assert isinstance(layer, torch.nn.Conv2d)
        weights = [
            self.constant(f"{name}.{part}", getattr(layer, part).detach().numpy().copy()) for part in ("weight", "bias")
        ]
        kernel = layer.kernel_size[0]
        result = self.add("Conv", [source, *weights], name, kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)
        return self.add("Relu", [result], f"{name}_relu") if relu else result


def dim_onnx(model: DeepImageMatting) -> onnx.ModelProto:
    """The graph that training.export writes for a folded model."""
    maker = DimMaker()
    names = {block: name for name, block in model.named_children() if isinstance(block, Conv)}
    x, features = "input", []
    for number, convs in enumerate(model.encoder_blocks(), start=1):
        for conv in convs:
            x = maker.block(x, conv, names[conv])
        features.append(x)
        x = maker.pool(x, f"pool{number}")
    for name in ("conv6", "deconv6"):
        x = maker.block(x, getattr(model, name), name)
    for number in (5, 4, 3, 2, 1):
        x = maker.unpool(x, f"pool{number}", f"unpool{number}")
        if model.config.skip:
            x = maker.add("Add", [x, features[number - 1]], f"skip{number}")
        x = maker.block(x, getattr(model, f"deconv{number}"), f"deconv{number}")
    raw = maker.block(x, model.alpha, "alpha", relu=False)
    if not model.config.refine:
        return maker.model(activation(maker, raw, model.config.output, "activation"))
    coarse = activation(maker, raw, model.config.output, "coarse")
    bounds = [maker.constant(name, np.array([value])) for name, value in (("zero", 0), ("three", 3), ("one", 1))]
    colors = maker.add("Slice", ["input", *bounds], "colors")
    y = maker.add("Concat", [colors, coarse], "refine_input", axis=1)
    for name in ("refine_conv1", "refine_conv2", "refine_conv3"):
        y = maker.block(y, getattr(model, name), name)
    y = maker.block(y, model.refine_alpha, "refine_alpha", relu=False)
    return maker.model(activation(maker, maker.add("Add", [raw, y], "sum"), model.config.output, "activation"))
