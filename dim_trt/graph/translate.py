"""A lowered graph -> the cpu backend's program.

The graph is walked once in order, after `maps` has checked it for every backend. A tensor of the graph becomes a
`_Value`; unpooling, the skip connection after it and channel slices are not operations of the program but notes on the
value, used up by the convolution or concatenation that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs

from dim_trt.errors import BuildError
from dim_trt.graph.lower import fail
from dim_trt.graph.maps import Map, Maps, channel_range, constant, keeps_corners, restoring_node, stored_weights
from dim_trt.graph.program import Program

MAX_KERNEL = 7
SUM_KERNEL = 5  # of convolutions that read a sum of quantized maps


@dataclass(frozen=True)
class _Value:
    """What a tensor of the graph is in the program."""

    name: str
    first: int = 0  # of a channel slice
    whole: bool = True  # False: as many channels as the tensor has from `first`, for a concatenation
    codes: str | None = None  # to be unpooled with these argmax codes first
    add: str | None = None  # to be added after unpooling
    scale: float | None = None  # to be kept as whole numbers of 0 to 127, in these steps


def translate(graph: gs.Graph) -> Program:
    """Raises BuildError that names the node which the program cannot express."""
    return _Translator(graph).run()


class _Translator:
    def __init__(self, graph: gs.Graph):
        self.graph = graph
        self.maps = Maps(graph)
        self.program = Program()
        self.values = {self.maps.input: _Value(self.maps.input)}

    def run(self) -> Program:
        self.emit(op="input", output=self.maps.input, channels=self.maps[self.maps.input].channels)
        for node in self.graph.nodes:
            getattr(self, f"on_{node.op.lower()}")(node)  # whose rules are those of `maps`
        result = self.values.get(self.maps.output)
        if result is None or not result.whole or result.codes:
            raise BuildError(f"onnx: output {self.maps.output!r} is not computed by a convolution, activation or sum")
        self.emit(op="output", input=result.name)
        return self.program

    def emit(self, **op: Any) -> None:
        self.program.ops.append(op)

    # each on_<operation> below translates one kind of node

    def on_conv(self, node: gs.Node) -> None:
        source = self.read(node, 0, may_be_unpooled=True, may_be_quantized=True)
        if source.scale is not None:
            self.quantize(node, source)
        weights = stored_weights(node)
        out_channels, _, kernel = weights.shape[:3]
        if source.add and source.scale is not None and kernel != SUM_KERNEL:
            raise fail(
                node, f"reads a sum of tensors in int8, which the cpu backend does with kernels of {SUM_KERNEL} alone"
            )
        if kernel > MAX_KERNEL:
            raise fail(node, f"has weights {list(weights.shape)}; expected a square kernel of 1, 3, 5 or 7")
        weight: dict[str, Any] = {
            "dtype": weights.dtype.name,
            "shape": list(weights.shape),
            "offset": self.program.store(weights),
        }
        restoring = restoring_node(node)
        if restoring is not None and restoring.op == "DequantizeLinear":
            scale = constant(restoring, 1, "scale").astype(np.float32)
            weight["scale_offset"] = self.program.store(scale)
        bias = constant(node, 2, "bias") if len(node.inputs) > 2 else np.zeros(out_channels, np.float32)
        name = node.outputs[0].name
        self.emit(
            op="conv",
            name=node.name,
            input=source.name,
            output=name,
            kernel=kernel,
            relu=False,
            weight=weight,
            bias={"dtype": "float32", "shape": [out_channels], "offset": self.program.store(bias)},
            codes=source.codes,
            add=source.add,
        )
        self.values[name] = _Value(name)

    def on_relu(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        tensor = node.inputs[0]
        conv = next((op for op in self.program.ops if op["op"] == "conv" and op["output"] == source.name), None)
        if conv is None or len(tensor.outputs) != 1 or tensor is self.graph.outputs[0]:
            raise fail(node, "must read a convolution that nothing else reads")
        conv["relu"] = True
        conv["output"] = node.outputs[0].name
        self.values[node.outputs[0].name] = _Value(node.outputs[0].name)

    def on_maxpoolargmax(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        values, codes = (tensor.name for tensor in node.outputs)
        self.emit(op="max_pool_argmax", input=source.name, output=values, codes=codes)
        self.values[values] = _Value(values)

    def on_indexunpool(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        self.values[node.outputs[0].name] = replace(source, codes=node.inputs[1].name)

    def on_add(self, node: gs.Node) -> None:
        left, right = (self.read(node, i, may_be_unpooled=True, may_be_quantized=True) for i in (0, 1))
        if right.codes:
            left, right = right, left
        if right.codes or left.add:
            raise fail(node, "adds to an unpooled tensor more than one other tensor")
        name = node.outputs[0].name
        in_int8 = [term for term in (left, right) if term.scale is not None]
        if in_int8 and not (left.codes and len(in_int8) == 2):
            raise fail(
                node, f"reads {in_int8[0].name!r} in int8; only a sum of an unpooled tensor and another can, of both"
            )
        for term in in_int8:
            self.quantize(node, term)
        if left.codes:
            self.values[name] = replace(left, add=right.name)
            return
        self.emit(op="add", input=left.name, other=right.name, output=name)
        self.values[name] = _Value(name)

    def on_sigmoid(self, node: gs.Node) -> None:
        self.activation(node, "sigmoid")

    def on_clip(self, node: gs.Node) -> None:
        bounds = [constant(node, i, bound).tolist() for i, bound in ((1, "minimum"), (2, "maximum"))]
        if bounds != [0.0, 1.0]:
            raise fail(node, f"clips to {bounds}; expected 0 to 1")
        self.activation(node, "clip")

    def activation(self, node: gs.Node, op: str) -> None:
        source = self.read(node, 0)
        name = node.outputs[0].name
        self.emit(op=op, input=source.name, output=name)
        self.values[name] = _Value(name)

    def on_resize(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        name = node.outputs[0].name
        coordinates = "align_corners" if keeps_corners(node) else "half_pixel"
        level = self.maps[name].level
        self.emit(op="resize", name=node.name, input=source.name, output=name, level=level, coordinates=coordinates)
        self.values[name] = _Value(name)

    def on_slice(self, node: gs.Node) -> None:
        source = self.read(node, 0, may_be_slice=True)
        channels = self.map_of(node, 0).channels
        first, end = channel_range(node, channels)
        whole = source.whole and end - first == channels
        self.values[node.outputs[0].name] = replace(source, first=source.first + first, whole=whole)

    def on_concat(self, node: gs.Node) -> None:
        ranges = []
        for i in range(len(node.inputs)):
            part = self.read(node, i, may_be_slice=True)
            ranges.append({"value": part.name, "first": part.first, "count": self.map_of(node, i).channels})
        name = node.outputs[0].name
        self.emit(op="concat", inputs=ranges, output=name)
        self.values[name] = _Value(name)

    def on_cast(self, node: gs.Node) -> None:
        """Restores stored weights: read together with the convolution."""

    def on_quantizelinear(self, node: gs.Node) -> None:
        source = self.read(node, 0, may_be_unpooled=True)
        if source.add:
            raise fail(node, "quantizes a sum; the cpu backend does so only with what is added")
        self.values[node.outputs[0].name] = replace(source, scale=float(constant(node, 1, "scale")))

    def on_dequantizelinear(self, node: gs.Node) -> None:
        if node.inputs[0].name in self.values:  # else it restores stored weights
            self.values[node.outputs[0].name] = self.values[node.inputs[0].name]

    # what the translations share

    def quantize(self, node: gs.Node, source: _Value) -> None:
        """What computes the value writes it in steps of the source's scale: all that reads it is as this node."""
        writer = self.writer_of(source.name)
        conv = self.writer_of(writer["input"]) if writer["op"] == "max_pool_argmax" else writer
        if not conv.get("relu") or writer.get("scale", source.scale) != source.scale:
            raise fail(
                node, f"reads {source.name!r} in int8, which the cpu backend can write so only after a ReLU, once"
            )
        writer["scale"] = source.scale

    def writer_of(self, value: str) -> dict[str, Any]:
        return next(op for op in self.program.ops if op.get("output") == value)

    def map_of(self, node: gs.Node, index: int) -> Map:
        return self.maps[node.inputs[index].name]

    def read(
        self,
        node: gs.Node,
        index: int,
        may_be_unpooled: bool = False,
        may_be_slice: bool = False,
        may_be_quantized: bool = False,
    ) -> _Value:
        """The program's value for an input of `node`, if the program lets that kind of node read it."""
        tensor = node.inputs[index]
        value = self.values[tensor.name]
        if value.codes and not may_be_unpooled:
            raise fail(node, f"reads the unpooled {tensor.name!r}; only a convolution can, or one sum before it")
        if value.scale is not None and not may_be_quantized:
            raise fail(node, f"reads {tensor.name!r} in int8; only a convolution can")
        if not value.whole and not may_be_slice:
            raise fail(node, f"reads the channel slice {tensor.name!r}; only Concat can")
        return value
