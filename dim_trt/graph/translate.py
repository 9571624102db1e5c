"""A lowered graph -> the cpu backend's program.

The graph is walked once in order. A tensor of the graph becomes a `_Value`; unpooling, the skip connection after it
and channel slices are not operations of the program but notes on the value, used up by the convolution or
concatenation that reads it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from dim_trt.errors import BuildError
from dim_trt.graph.lower import fail
from dim_trt.graph.program import Program

MAX_KERNEL = 7


@dataclass(frozen=True)
class _Value:
    """What a tensor of the graph is in the program."""

    name: str
    channels: int
    level: int = 0  # height and width are those of the input divided by 2^level
    first: int = 0  # of a channel slice
    whole: bool = True  # False: `channels` channels from `first`, for a concatenation
    codes: str | None = None  # to be unpooled with these argmax codes first
    add: str | None = None  # to be added after unpooling
    is_codes: bool = False  # argmax codes: only IndexUnpool reads them

    def shape(self) -> str:
        size = "" if self.level == 0 else f"/{2**self.level}"
        return f"[1, {self.channels}, height{size}, width{size}]"


def translate(graph: gs.Graph) -> Program:
    """Raises BuildError that names the node which the program cannot express."""
    return _Translator(graph).run()


class _Translator:
    def __init__(self, graph: gs.Graph):
        self.graph = graph
        self.program = Program()
        self.values: dict[str, _Value] = {}

    def run(self) -> Program:
        network_input, output = self.graph.inputs[0], self.graph.outputs[0]
        self.values[network_input.name] = _Value(network_input.name, channels=network_input.shape[1])
        self.emit(op="input", output=network_input.name, channels=network_input.shape[1])
        for node in self.graph.nodes:
            step = getattr(self, f"on_{node.op.lower()}", None)
            if step is None:
                raise fail(node, "is not an operation of the cpu backend")
            step(node)
        result = self.values.get(output.name)
        if result is None or not result.whole or result.codes or result.is_codes:
            raise BuildError(f"onnx: output {output.name!r} is not computed by a convolution, activation or sum")
        if (result.channels, result.level) != (1, 0):
            raise BuildError(
                f"onnx: output {output.name!r}: expected [1, 1, height, width], the graph computes {result.shape()}"
            )
        self.emit(op="output", input=result.name)
        return self.program

    def emit(self, **op: Any) -> None:
        self.program.ops.append(op)

    # each on_<operation> below translates one kind of node

    def on_conv(self, node: gs.Node) -> None:
        source = self.read(node, 0, may_be_unpooled=True)
        weights, stored = self.weights(node)
        out_channels, in_channels, kernel = weights.shape[:3]
        self.check_conv(node, weights.shape)
        if in_channels != source.channels:
            raise fail(node, f"expects {in_channels} channels, its input is {source.shape()}")
        bias = np.zeros(out_channels, np.float32)
        if len(node.inputs) > 2:
            bias = self.constant(node, 2, "bias")
            if bias.dtype != np.float32 or bias.shape != (out_channels,):
                raise fail(node, f"has a bias {bias.dtype} {list(bias.shape)}; expected float32 [{out_channels}]")
        self.emit(
            op="conv",
            name=node.name,
            input=source.name,
            output=node.outputs[0].name,
            kernel=kernel,
            relu=False,
            weight=stored,
            bias={"dtype": "float32", "shape": [out_channels], "offset": self.program.store(bias)},
            codes=source.codes,
            add=source.add,
        )
        self.values[node.outputs[0].name] = _Value(node.outputs[0].name, out_channels, source.level)

    def on_relu(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        tensor = node.inputs[0]
        conv = next((op for op in self.program.ops if op["op"] == "conv" and op["output"] == source.name), None)
        if conv is None or len(tensor.outputs) != 1 or tensor is self.graph.outputs[0]:
            raise fail(node, "must read a convolution that nothing else reads")
        conv["relu"] = True
        conv["output"] = node.outputs[0].name
        self.values[node.outputs[0].name] = replace(source, name=node.outputs[0].name)

    def on_maxpoolargmax(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        values, codes = (tensor.name for tensor in node.outputs)
        self.emit(op="max_pool_argmax", input=source.name, output=values, codes=codes)
        self.values[values] = _Value(values, source.channels, source.level + 1)
        self.values[codes] = _Value(codes, source.channels, source.level + 1, is_codes=True)

    def on_indexunpool(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        codes = self.values[node.inputs[1].name]
        if (codes.channels, codes.level) != (source.channels, source.level):
            raise fail(node, f"unpools {source.shape()} with the indices of {codes.shape()}; expected the same shape")
        self.values[node.outputs[0].name] = replace(source, level=source.level - 1, codes=codes.name)

    def on_add(self, node: gs.Node) -> None:
        left, right = (self.read(node, i, may_be_unpooled=True) for i in (0, 1))
        if right.codes:
            left, right = right, left
        if right.codes or left.add:
            raise fail(node, "adds to an unpooled tensor more than one other tensor")
        if (left.channels, left.level) != (right.channels, right.level):
            raise fail(node, f"adds {left.shape()} and {right.shape()}; expected the same shape")
        name = node.outputs[0].name
        if left.codes:
            self.values[name] = replace(left, add=right.name)
            return
        self.emit(op="add", input=left.name, other=right.name, output=name)
        self.values[name] = replace(left, name=name)

    def on_sigmoid(self, node: gs.Node) -> None:
        self.activation(node, "sigmoid")

    def on_clip(self, node: gs.Node) -> None:
        bounds = [self.constant(node, i, bound).tolist() for i, bound in ((1, "minimum"), (2, "maximum"))]
        if bounds != [0.0, 1.0]:
            raise fail(node, f"clips to {bounds}; expected 0 to 1")
        self.activation(node, "clip")

    def activation(self, node: gs.Node, op: str) -> None:
        source = self.read(node, 0)
        name = node.outputs[0].name
        self.emit(op=op, input=source.name, output=name)
        self.values[name] = replace(source, name=name)

    def on_resize(self, node: gs.Node) -> None:
        source = self.read(node, 0)
        scales = np.atleast_1d(self.constant(node, 2, "scales")).tolist()
        exponent = math.frexp(scales[-1])[1] - 1 if len(scales) == 4 and scales[-1] > 0 else 0
        if scales != [1, 1, 2.0**exponent, 2.0**exponent]:
            raise fail(node, f"has scales {scales}; expected 1 for batch and channels, and twice the same power of two")
        allowed: dict[str, list[Any]] = {
            "mode": ["linear"],
            "antialias": [0],
            "exclude_outside": [0],
            "axes": [[0, 1, 2, 3]],
        }
        allowed["coordinate_transformation_mode"] = ["half_pixel", "align_corners"]
        if exponent > 0:  # else it differs from half_pixel where the result has one row or column
            allowed["coordinate_transformation_mode"].append("pytorch_half_pixel")
        for name, values in allowed.items():
            got = node.attrs.get(name, "nearest" if name == "mode" else values[0])
            if got not in values:
                raise fail(node, f"has {name} {got}; expected {' or '.join(map(str, values))}")
        if (level := source.level - exponent) < 0:
            raise fail(node, f"gives a map larger than the picture: {2**exponent} times {source.shape()}")
        corners = node.attrs.get("coordinate_transformation_mode") == "align_corners"
        name = node.outputs[0].name
        coordinates = "align_corners" if corners else "half_pixel"
        self.emit(op="resize", name=node.name, input=source.name, output=name, level=level, coordinates=coordinates)
        self.values[name] = _Value(name, source.channels, level)

    def on_slice(self, node: gs.Node) -> None:
        source = self.read(node, 0, may_be_slice=True)
        starts, ends = self.integers(node, 1, "starts"), self.integers(node, 2, "ends")
        axes = self.integers(node, 3, "axes") if len(node.inputs) > 3 else list(range(len(starts)))
        steps = self.integers(node, 4, "steps") if len(node.inputs) > 4 else [1]
        if [axis % 4 for axis in axes] != [1] or [len(starts), len(ends), *steps] != [1, 1, 1]:
            raise fail(node, "is not a plain range of channels (axis 1, step 1)")
        first, end, _ = slice(starts[0], ends[0]).indices(source.channels)
        if end <= first:
            raise fail(node, f"takes no channel of {source.shape()}")
        whole = source.whole and end - first == source.channels
        self.values[node.outputs[0].name] = replace(
            source, channels=end - first, first=source.first + first, whole=whole
        )

    def on_concat(self, node: gs.Node) -> None:
        if node.attrs["axis"] not in (1, -3):
            raise fail(node, f"joins along axis {node.attrs['axis']}; expected channels (axis 1)")
        parts = [self.read(node, i, may_be_slice=True) for i in range(len(node.inputs))]
        if len({part.level for part in parts}) != 1:
            raise fail(node, f"joins {' and '.join(part.shape() for part in parts)}; expected one height and width")
        name = node.outputs[0].name
        ranges = [{"value": part.name, "first": part.first, "count": part.channels} for part in parts]
        self.emit(op="concat", inputs=ranges, output=name)
        self.values[name] = _Value(name, sum(part.channels for part in parts), parts[0].level)

    def on_cast(self, node: gs.Node) -> None:
        """Restores stored weights: read together with the convolution."""

    on_dequantizelinear = on_cast

    # what the translations share

    def read(self, node: gs.Node, index: int, may_be_unpooled: bool = False, may_be_slice: bool = False) -> _Value:
        """The program's value for an input of `node`, if the program lets that kind of node read it."""
        tensor = node.inputs[index]
        value = self.values.get(tensor.name)
        if value is None or value.is_codes:
            raise fail(node, f"reads {tensor.name!r}, which is not a computed feature map")
        if value.codes and not may_be_unpooled:
            raise fail(node, f"reads the unpooled {tensor.name!r}; only a convolution can, or one sum before it")
        if not value.whole and not may_be_slice:
            raise fail(node, f"reads the channel slice {tensor.name!r}; only Concat can")
        return value

    def constant(self, node: gs.Node, index: int, what: str) -> NDArray[Any]:
        tensor = node.inputs[index] if len(node.inputs) > index else None
        if not isinstance(tensor, gs.Constant):
            raise fail(node, f"has no constant {what}")
        return np.asarray(tensor.values)

    def integers(self, node: gs.Node, index: int, what: str) -> list[int]:
        values = np.atleast_1d(self.constant(node, index, what))
        if values.ndim != 1 or values.dtype.kind != "i":
            raise fail(node, f"has {what} {values.dtype} {list(values.shape)}; expected a list of whole numbers")
        return [int(value) for value in values]

    def weights(self, node: gs.Node) -> tuple[NDArray[Any], dict[str, Any]]:
        """A convolution's stored weights [O, I, k, k] and how the program describes them."""
        source = node.inputs[1]
        restore = source.inputs[0] if source.inputs else None
        scale = None
        if restore is None or restore.op not in ("Cast", "DequantizeLinear"):
            values = self.constant(node, 1, "weights")
        else:
            values = self.constant(restore, 0, "weights")
            scale = self.constant(restore, 1, "scale") if restore.op == "DequantizeLinear" else None
        if values.dtype not in (np.float32, np.float16, np.int8) or values.ndim != 4:
            raise fail(node, f"has weights {values.dtype} {list(values.shape)}; expected float32 [O, I, k, k]")
        stored: dict[str, Any] = {
            "dtype": values.dtype.name,
            "shape": list(values.shape),
            "offset": self.program.store(values),
        }
        if scale is not None:
            stored["scale_offset"] = self.program.store(scale.astype(np.float32))
        return values, stored

    def check_conv(self, node: gs.Node, shape: tuple[int, ...]) -> None:
        kernel = shape[2]
        if math.prod(shape) == 0 or shape[2] != shape[3] or kernel % 2 == 0 or kernel > MAX_KERNEL:
            raise fail(node, f"has weights {list(shape)}; expected a square kernel of 1, 3, 5 or 7")
        expected = {"strides": [1, 1], "dilations": [1, 1], "group": 1, "auto_pad": "NOTSET"}
        expected["pads"] = [kernel // 2] * 4
        for name, wanted in expected.items():
            default = [0, 0, 0, 0] if name == "pads" else wanted
            if (got := node.attrs.get(name, default)) != wanted:
                raise fail(node, f"has {name} {got}; expected {wanted}")
