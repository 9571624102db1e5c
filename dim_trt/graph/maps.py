"""The maps of a lowered graph: which shape each has and what it depends on, checked as every backend needs it.

What a node must be so that sizes stay those that pictures can be halved to, and so that the core can say how far a
pixel of the output sees, is here; what one backend alone cannot do is said where it is served (for the CPU in
`translate`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.errors import BuildError
from dim_trt.graph.lower import fail


@dataclass(frozen=True)
class Map:
    """channels, with the height and width of the input divided by 2^level; or argmax codes of that shape."""

    channels: int
    level: int = 0
    is_codes: bool = False

    def shape(self) -> str:
        size = "" if self.level == 0 else f"/{2**self.level}"
        return f"[1, {self.channels}, height{size}, width{size}]"


class Maps:
    """Of a lowered graph, by the names of its tensors. Raises BuildError that names the node which is wrong."""

    def __init__(self, graph: gs.Graph):
        self.input, self.output = graph.inputs[0].name, graph.outputs[0].name
        self._maps = {self.input: Map(graph.inputs[0].shape[1])}
        self._dependences: list[tuple[str, str, _core.Reach]] = []  # read, computed
        for node in graph.nodes:
            rule = getattr(self, f"_on_{node.op.lower()}", None)
            if rule is None:
                raise fail(node, "is not an operation of a backend")
            rule(node)
        result = self._maps.get(self.output)
        if result is None or result.is_codes:
            raise BuildError(f"onnx: output {self.output!r} is not computed by a convolution, activation or sum")
        if (result.channels, result.level) != (1, 0):
            raise BuildError(
                f"onnx: output {self.output!r}: expected [1, 1, height, width], the graph computes {result.shape()}"
            )

    def __getitem__(self, name: str) -> Map:
        return self._maps[name]

    def check_stride(self, stride: int) -> None:
        """Raise BuildError where pictures whose sides are multiples of this cannot be halved as often as the network
        does it."""
        if stride % self._period != 0:
            raise BuildError(
                f"onnx: its preprocessing makes sides multiples of {stride}, and the network halves its maps until "
                f"they are 1/{self._period} as large; export it with a stride of {self._period}"
            )

    @property
    def _period(self) -> int:
        return int(2 ** max(each.level for each in self._maps.values()))

    def halo_px(self) -> int:
        """The radius of the receptive field in pixels, exact: the largest over all pixels and both directions.

        On a crop whose top left corner is at multiples of 2 to the number of poolings, and which extends this far
        beyond the pixels of interest or to the border of the padded picture, the network gives these pixels what they
        have in the whole picture.
        """
        numbers = {name: number for number, name in enumerate(self._maps)}
        dependences = [(numbers[read], numbers[computed], reach) for read, computed, reach in self._dependences]
        return _core.halo_px(dependences, numbers[self.input], numbers[self.output], self._period)

    # each _on_<operation> below is the rule for one kind of node

    def _on_conv(self, node: gs.Node) -> None:
        source = self._read(node, 0)
        weights = stored_weights(node)
        out_channels, in_channels, kernel = weights.shape[:3]
        if math.prod(weights.shape) == 0 or kernel != weights.shape[3] or kernel % 2 == 0:
            raise fail(node, f"has weights {list(weights.shape)}; expected a square kernel of 1, 3, 5 or 7")
        expected = {"strides": [1, 1], "dilations": [1, 1], "group": 1, "auto_pad": "NOTSET"}
        expected["pads"] = [kernel // 2] * 4
        for name, wanted in expected.items():
            default = [0, 0, 0, 0] if name == "pads" else wanted
            if (got := node.attrs.get(name, default)) != wanted:
                raise fail(node, f"has {name} {got}; expected {wanted}")
        if in_channels != source.channels:
            raise fail(node, f"expects {in_channels} channels, its input is {source.shape()}")
        if len(node.inputs) > 2:
            bias = constant(node, 2, "bias")
            if bias.dtype != np.float32 or bias.shape != (out_channels,):
                raise fail(node, f"has a bias {bias.dtype} {list(bias.shape)}; expected float32 [{out_channels}]")
        self._write(node, Map(out_channels, source.level), _core.Reach.around(kernel // 2))

    def _on_relu(self, node: gs.Node) -> None:
        self._write(node, self._read(node, 0), _core.Reach.same())

    _on_sigmoid = _on_relu

    def _on_clip(self, node: gs.Node) -> None:
        self._write(node, self._read(node, 0), _core.Reach.same(), inputs=1)

    def _on_maxpoolargmax(self, node: gs.Node) -> None:
        source = self._read(node, 0)
        pooled = Map(source.channels, source.level + 1)
        self._write(node, pooled, _core.Reach.window())
        self._write(node, Map(pooled.channels, pooled.level, is_codes=True), _core.Reach.window(), output=1)

    def _on_indexunpool(self, node: gs.Node) -> None:
        source, codes = self._read(node, 0), self._maps[node.inputs[1].name]
        if (codes.channels, codes.level) != (source.channels, source.level):
            raise fail(node, f"unpools {source.shape()} with the indices of {codes.shape()}; expected the same shape")
        self._write(node, Map(source.channels, source.level - 1), _core.Reach.cells_around(0))

    def _on_add(self, node: gs.Node) -> None:
        left, right = self._read(node, 0), self._read(node, 1)
        if left != right:
            raise fail(node, f"adds {left.shape()} and {right.shape()}; expected the same shape")
        self._write(node, left, _core.Reach.same())

    def _on_concat(self, node: gs.Node) -> None:
        if node.attrs["axis"] not in (1, -3):
            raise fail(node, f"joins along axis {node.attrs['axis']}; expected channels (axis 1)")
        parts = [self._read(node, i) for i in range(len(node.inputs))]
        if len({part.level for part in parts}) != 1:
            raise fail(node, f"joins {' and '.join(part.shape() for part in parts)}; expected one height and width")
        self._write(node, Map(sum(part.channels for part in parts), parts[0].level), _core.Reach.same())

    def _on_slice(self, node: gs.Node) -> None:
        source = self._read(node, 0)
        first, end = channel_range(node, source.channels)
        if end <= first:
            raise fail(node, f"takes no channel of {source.shape()}")
        self._write(node, Map(end - first, source.level), _core.Reach.same(), inputs=1)

    def _on_resize(self, node: gs.Node) -> None:
        source = self._read(node, 0)
        scales = np.atleast_1d(constant(node, 2, "scales")).tolist()
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
        reach = _core.Reach.corner_to_corner() if keeps_corners(node) else _core.Reach.interpolated(exponent)
        self._write(node, Map(source.channels, level), reach, inputs=1)

    def _on_cast(self, node: gs.Node) -> None:
        """Restores stored weights: read together with the convolution."""

    def _on_quantizelinear(self, node: gs.Node) -> None:
        zero = constant(node, 2, "zero point")
        if constant(node, 1, "scale").size != 1 or zero.dtype != np.int8 or zero.any():
            raise fail(node, "has several scales or another zero than int8 0; expected symmetric int8, one scale a map")
        self._write(node, self._read(node, 0), _core.Reach.same(), inputs=1)

    def _on_dequantizelinear(self, node: gs.Node) -> None:
        if not isinstance(node.inputs[0], gs.Constant):  # else it restores weights, as a Cast
            self._on_quantizelinear(node)

    # what the rules share

    def _read(self, node: gs.Node, index: int) -> Map:
        name = node.inputs[index].name
        found = self._maps.get(name)
        if found is None or found.is_codes:
            raise fail(node, f"reads {name!r}, which is not a computed feature map")
        return found

    def _write(
        self, node: gs.Node, result: Map, reach: _core.Reach, *, output: int = 0, inputs: int | None = None
    ) -> None:
        """`inputs`: how many of the node's are maps."""
        name = node.outputs[output].name
        self._maps[name] = result
        for tensor in node.inputs[:inputs]:
            if tensor.name in self._maps:  # else weights
                self._dependences.append((tensor.name, name, reach))


def constant(node: gs.Node, index: int, what: str) -> NDArray[Any]:
    """An input that must be stored in the graph."""
    tensor = node.inputs[index] if len(node.inputs) > index else None
    if not isinstance(tensor, gs.Constant):
        raise fail(node, f"has no constant {what}")
    return np.asarray(tensor.values)


def restoring_node(conv: gs.Node) -> gs.Node | None:
    """The Cast or DequantizeLinear that restores a convolution's stored weights; None where they are stored as is."""
    before = conv.inputs[1].inputs
    return before[0] if before and before[0].op in ("Cast", "DequantizeLinear") else None


def stored_weights(conv: gs.Node) -> NDArray[Any]:
    """[O, I, k, k], as they are stored: float32, float16 or int8."""
    restoring = restoring_node(conv)
    values = constant(conv, 1, "weights") if restoring is None else constant(restoring, 0, "weights")
    if values.dtype not in (np.float32, np.float16, np.int8) or values.ndim != 4:
        raise fail(conv, f"has weights {values.dtype} {list(values.shape)}; expected float32 [O, I, k, k]")
    return values


def channel_range(node: gs.Node, channels: int) -> tuple[int, int]:
    """First and end of what a Slice takes of so many channels; it must be a plain range of them."""
    starts, ends = _integers(node, 1, "starts"), _integers(node, 2, "ends")
    axes = _integers(node, 3, "axes") if len(node.inputs) > 3 else list(range(len(starts)))
    steps = _integers(node, 4, "steps") if len(node.inputs) > 4 else [1]
    if [axis % 4 for axis in axes] != [1] or [len(starts), len(ends), *steps] != [1, 1, 1]:
        raise fail(node, "is not a plain range of channels (axis 1, step 1)")
    first, end, _ = slice(starts[0], ends[0]).indices(channels)
    return first, end


def keeps_corners(resize: gs.Node) -> bool:
    """Whether the corners of both maps coincide; else centers of pixels are interpolated."""
    return bool(resize.attrs.get("coordinate_transformation_mode") == "align_corners")


def _integers(node: gs.Node, index: int, what: str) -> list[int]:
    values = np.atleast_1d(constant(node, index, what))
    if values.ndim != 1 or values.dtype.kind != "i":
        raise fail(node, f"has {what} {values.dtype} {list(values.shape)}; expected a list of whole numbers")
    return [int(value) for value in values]
