"""Runs a few nodes of an ONNX graph on random values, to see whether what they do is unpooling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from dim_trt.errors import BuildError

SIZES = ((64, 96), (96, 32))  # of the input where the file leaves it open; different, so that no size can be a constant
MAX_FIXED_PX = 2048
SEED = 0
Size = tuple[int, int]
Array = NDArray[Any]


@dataclass(frozen=True)
class Feature:
    """A map of `channels` with the height and width of the input divided by 2^level."""

    channels: int
    level: int

    def shape(self, size: Size) -> tuple[int, int, int, int]:
        return 1, self.channels, size[0] >> self.level, size[1] >> self.level


def probe_sizes(value: onnx.ValueInfoProto) -> list[Size]:
    """Heights and widths to try: what the file fixes for its input, and else any."""
    fixed = [dim.dim_value for dim in value.type.tensor_type.shape.dim[2:4]]
    if min(fixed) < 0:
        raise BuildError(f"onnx: the input is fixed at {fixed[1]}x{fixed[0]} px; the file is damaged")
    if max(fixed) > MAX_FIXED_PX:
        raise BuildError(
            f"onnx: the input is fixed at {fixed[1]}x{fixed[0]} px, too large to try out; export it with open height "
            f"and width, or with at most {MAX_FIXED_PX}"
        )
    sizes = [(fixed[0] or height, fixed[1] or width) for height, width in SIZES]
    return list(dict.fromkeys(sizes))


class Probe:
    """`nodes` of `proto`, which compute the tensor `output`, at one size of the input."""

    def __init__(self, proto: onnx.ModelProto, nodes: Sequence[onnx.NodeProto], output: str, size: Size):
        self.size, self.output = size, output
        self.imports, self.ir_version = proto.opset_import, proto.ir_version
        read = {name for node in nodes for name in node.input}
        self.nodes, self.tensors = nodes, [tensor for tensor in proto.graph.initializer if tensor.name in read]

    def run(self, features: Mapping[str, Feature], indices: str, source: Feature, values: str) -> str:
        """Why `output` is not `values` unpooled; empty if it is.

        Args:
            features: the feature maps that the nodes read, `values` among them.
            indices: the indices that they read, of the pooling of a map like `source`.
        """
        random = np.random.default_rng(SEED)
        feeds: dict[str, Array] = {
            name: random.standard_normal(feature.shape(self.size)).astype(np.float32)
            for name, feature in features.items()
        }
        flat = _random_indices(source.shape(self.size), random)
        if flat.size == 0 or feeds[values].shape != flat.shape:
            return f"the input of {self.size[1]}x{self.size[0]} px cannot be halved as often as the network pools"
        feeds[indices] = flat
        try:
            with np.errstate(all="ignore"):
                result: Any = self._evaluator(feeds).run([self.output], dict(feeds))
        except Exception as failure:  # whatever the nodes stumble over
            return f"its nodes cannot be run ({type(failure).__name__}: {str(failure).strip()})"
        return _difference(np.asarray(result[0]), _scatter(feeds[values], flat, source.shape(self.size)))

    def _evaluator(self, feeds: Mapping[str, Array]) -> ReferenceEvaluator:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), None)
            for name, array in feeds.items()
        ]
        output = helper.make_tensor_value_info(self.output, TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "probe", inputs, [output], self.tensors)
        model = helper.make_model(graph, opset_imports=self.imports, ir_version=self.ir_version)
        return ReferenceEvaluator(model, new_ops=[MaxPool, MaxUnpool, ScatterND])


def _random_indices(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """As MaxPool gives them for a map of this shape, with a random winner in each window: flat over N·C·H·W."""
    n, channels, height, width = shape
    y, x = np.mgrid[: height // 2, : width // 2]
    code = random.integers(0, 4, (n, channels, height // 2, width // 2))
    plane = np.arange(n * channels).reshape(n, channels, 1, 1) * height * width
    return np.asarray(plane + (2 * y + code // 2) * width + 2 * x + code % 2)


def _scatter(values: Array, flat: Array, shape: tuple[int, ...]) -> Array:
    result = np.zeros(int(np.prod(shape)), values.dtype)
    result[flat.ravel()] = values.ravel()
    return result.reshape(shape)


def _difference(result: Array, expected: Array) -> str:
    if result.shape != expected.shape:
        return f"it gives {list(result.shape)} where unpooling gives {list(expected.shape)}"
    wrong = int(np.count_nonzero(result != expected))
    return f"{wrong} of {expected.size} random values end up elsewhere" if wrong else ""


# Three operations that ONNX's reference is slow or strict with. The class names are the operations'.


class MaxPool(OpRun):
    """1x1 windows, as those of 2x2 are not among the nodes: the indices count the elements."""

    op_domain = ""

    def _run(self, x: Array, strides: Sequence[int] | None = None, **_attributes: Any) -> tuple[Array, Array]:
        if set(strides or [1]) != {1}:
            raise ValueError(f"MaxPool with 1x1 windows and strides {strides}")
        return x, np.arange(x.size).reshape(x.shape)


class MaxUnpool(OpRun):
    """2x2 windows; an index that is out of range is an error."""

    op_domain = ""

    def _run(self, x: Array, indices: Array, shape: Array | None = None, **_attributes: Any) -> tuple[Array]:
        n, channels, height, width = x.shape
        target = (n, channels, 2 * height, 2 * width) if shape is None else tuple(int(side) for side in shape)
        return (_scatter(x, indices, target),)


class ScatterND(OpRun):
    op_domain = ""

    def _run(self, data: Array, indices: Array, updates: Array, reduction: str | None = None) -> tuple[Array]:
        if reduction not in (None, "none"):
            raise ValueError(f"reduction {reduction}")
        result = data.copy()
        result[tuple(np.moveaxis(indices, -1, 0))] = updates
        return (result,)
