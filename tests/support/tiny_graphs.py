"""A Deep Image Matting graph small enough to build by hand: two poolings, a few channels, every kind of node."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

PREPROCESSING = {
    "channel_order": "rgb",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
    "trimap_scale": 1 / 255,
    "stride": 32,
    "padding": "reflect",
}


COLORS_ALONE = {name: value for name, value in PREPROCESSING.items() if name != "trimap_scale"}
SEGMENTATION = {"dim_trt.task": "segmentation", "dim_trt.network": "salient"}


class GraphMaker:
    """Collects nodes and weights; `add` returns the name of the new tensor."""

    def __init__(self, seed: int = 0):
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[TensorProto] = []

    def constant(self, name: str, values: NDArray[Any]) -> str:
        self.tensors.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def add(self, op: str, inputs: list[str], name: str, outputs: list[str] | None = None, **attributes: Any) -> str:
        outputs = outputs or [f"{name}.out"]
        self.nodes.append(helper.make_node(op, inputs, outputs, name, **attributes))
        return outputs[0]

    def conv(self, source: str, cin: int, cout: int, kernel: int, name: str, relu: bool = True) -> str:
        weights = self.random.standard_normal((cout, cin, kernel, kernel)) * np.sqrt(2 / (cin * kernel * kernel))
        inputs = [source, self.constant(f"{name}.weight", weights.astype(np.float32))]
        if relu:  # heads go without a bias, which is allowed too
            bias = 0.1 * self.random.standard_normal(cout)
            inputs.append(self.constant(f"{name}.bias", bias.astype(np.float32)))
        result = self.add("Conv", inputs, name, kernel_shape=[kernel, kernel], pads=[kernel // 2] * 4)
        return self.add("Relu", [result], f"{name}_relu") if relu else result

    def pool(self, source: str, name: str) -> str:
        outputs = [f"{name}.out", f"{name}.indices"]
        return self.add("MaxPool", [source], name, outputs, kernel_shape=[2, 2], strides=[2, 2])

    def unpool(self, source: str, pool: str, name: str) -> str:
        return self.add("MaxUnpool", [source, f"{pool}.indices"], name, kernel_shape=[2, 2], strides=[2, 2])

    def model(self, output: str, *, channels: int = 4, **metadata: str) -> onnx.ModelProto:
        self.add("Identity", [output], "last", ["alpha"])
        shape = ["32*h", "32*w"]
        graph = helper.make_graph(
            self.nodes,
            "tiny",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, channels, *shape])],
            [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, *shape])],
            self.tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        standard = {
            "dim_trt.format_version": "1",
            "dim_trt.preprocessing": json.dumps(PREPROCESSING),
            "dim_trt.model": json.dumps({"width": 0.1}),
            "dim_trt.licence": "test licence",
            "dim_trt.origin": "test origin",
        }
        helper.set_model_props(model, standard | metadata)
        return model


def activation(maker: GraphMaker, source: str, kind: str, name: str) -> str:
    if kind == "sigmoid":
        return maker.add("Sigmoid", [source], name)
    bounds = [maker.constant(f"{name}.{bound}", np.float32(bound)) for bound in (0, 1)]
    return maker.add("Clip", [source, *bounds], name)


def tiny_dim(
    *,
    skip: bool = True,
    refine: bool = True,
    output: str = "sigmoid",
    decoder_kernel: int = 5,
    width: int = 1,
    seed: int = 0,
) -> onnx.ModelProto:
    """With a Constant node, Identity nodes and dead nodes, as foreign exporters leave them; features times `width`."""
    maker = GraphMaker(seed)
    six, eight = 6 * width, 8 * width
    first = maker.conv("input", 4, six, 3, "conv1")
    second = maker.conv(maker.pool(first, "pool1"), six, eight, 3, "conv2")
    x = maker.conv(maker.pool(second, "pool2"), eight, eight, 1, "conv6")
    maker.add("Sigmoid", [x], "dead")
    for pool, feature, channels in (("pool2", second, six), ("pool1", first, 5)):
        x = maker.unpool(x, pool, f"un{pool}")
        if skip:
            x = maker.add("Add", [feature, x], f"skip_{pool}")
        cin = eight if pool == "pool2" else six
        x = maker.conv(maker.add("Identity", [x], f"same_{pool}"), cin, channels, decoder_kernel, f"de{pool}")
    raw = maker.conv(x, 5, 1, 5, "alpha", relu=False)
    if not refine:
        return maker.model(activation(maker, raw, output, "activation"))
    coarse = activation(maker, raw, output, "coarse")
    first_three = [maker.constant("zero", np.array([0])), maker.constant("three", np.array([3]))]
    axis = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    maker.add("Constant", [], "axis", ["axis.out"], value=axis)
    colors = maker.add("Slice", ["input", *first_three, "axis.out"], "colors")
    y = maker.conv(maker.add("Concat", [colors, coarse], "refine_input", axis=1), 4, 5, 3, "refine_conv1")
    y = maker.conv(y, 5, 1, 3, "refine_alpha", relu=False)
    return maker.model(activation(maker, maker.add("Add", [raw, y], "sum"), output, "activation"))


def tiny_salient(*, seed: int = 0, **preprocessing: Any) -> onnx.ModelProto:
    """Two poolings, heads at every size, enlarged to the picture's, joined and fused."""
    maker = GraphMaker(seed)
    first = maker.conv("input", 3, 6, 3, "conv1")
    second = maker.conv(maker.pool(first, "pool1"), 6, 8, 3, "conv2")
    x = maker.conv(maker.pool(second, "pool2"), 8, 8, 1, "conv6")
    heads = [(first, 6, 1), (second, 8, 2), (x, 8, 4)]
    x = maker.conv(maker.unpool(x, "pool2", "unpool2"), 8, 6, 5, "deconv2")
    heads.append((x, 6, 2))
    heads.append((maker.conv(maker.unpool(x, "pool1", "unpool1"), 6, 5, 5, "deconv1"), 5, 1))
    sides = []
    for number, (feature, cin, factor) in enumerate(heads):
        side = maker.conv(feature, cin, 1, 1, f"side{number}", relu=False)
        if factor > 1:
            scales = maker.constant(f"scales{number}", np.array([1, 1, factor, factor], np.float32))
            side = maker.add("Resize", [side, "", scales], f"up{number}", mode="linear")
        sides.append(side)
    fused = maker.conv(maker.add("Concat", sides, "sides", axis=1), len(sides), 1, 1, "fuse", relu=False)
    values = json.dumps(COLORS_ALONE | preprocessing)
    mask = maker.add("Sigmoid", [fused], "activation")
    return maker.model(mask, channels=3, **SEGMENTATION, **{"dim_trt.preprocessing": values})


def scaled(factor: float = 3e4) -> onnx.ModelProto:
    """A network whose second convolution gives `factor` times as much, and the next takes it back: float16 does not
    hold what is between."""
    proto = tiny_dim(skip=False)
    for tensor in proto.graph.initializer:
        power = {"conv2.weight": 1, "conv2.bias": 1, "conv6.weight": -1}.get(tensor.name, 0)
        values = numpy_helper.to_array(tensor)
        if power:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(factor**power), tensor.name))
    return proto


def network_input(height: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((1, 4, height, width)).astype(np.float32)
