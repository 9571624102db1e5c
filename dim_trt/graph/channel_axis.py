"""Networks whose program drops the channel axis of alpha, [N, H, W], with that axis again."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper

from dim_trt.graph.nodes import stored_tensors

SAME_SHAPE = frozenset(["Sigmoid", "Clip", "Relu", "Identity", "Cast"])  # of what comes in
AXES = frozenset([0, 1, -3, -4])  # of a [1, 1, H, W] map, those that squeezing drops


def keep_channel_axis(graph: onnx.GraphProto) -> None:
    """Replace what drops and restores the axis by Identity, in place, where nothing else depends on it.

    Where something does, the graph is left as it is.
    """
    kept = _Axis(graph)
    if kept.squeezed and not kept.is_needed:
        for node in kept.replaced:
            node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output, node.name))
        for output in graph.output:
            if output.name in kept.squeezed:
                _widen(output)


class _Axis:
    """`squeezed`: tensors without the axis; `replaced`: nodes that drop or restore it; `is_needed`: by other nodes."""

    def __init__(self, graph: onnx.GraphProto):
        self.stored = stored_tensors(graph)
        self.single: set[str] = set()  # maps of one channel
        self.squeezed: set[str] = set()
        self.replaced: list[onnx.NodeProto] = []
        self.is_needed = False
        for node in graph.node:
            self.visit(node)

    def visit(self, node: onnx.NodeProto) -> None:
        if not node.input:
            return
        source, result = node.input[0], node.output[0]
        if node.op_type == "Conv":
            weight = self.stored.get(node.input[1])
            if weight is not None and weight.dims and weight.dims[0] == 1:
                self.single.add(result)
        elif node.op_type in SAME_SHAPE or (node.op_type == "Add" and self.same_kind(node)):
            for known in (self.single, self.squeezed):
                if source in known:
                    known.add(result)
        elif source in self.single and self.drops_axis(node):
            self.squeezed.add(result)
            self.replaced.append(node)
        elif source in self.squeezed and node.op_type == "Unsqueeze" and self.numbers(node) in ([1], [-3]):
            self.single.add(result)
            self.replaced.append(node)
        elif self.squeezed & set(node.input):
            self.is_needed = True

    def same_kind(self, node: onnx.NodeProto) -> bool:
        return all(set(node.input) <= known or not set(node.input) & known for known in (self.single, self.squeezed))

    def drops_axis(self, node: onnx.NodeProto) -> bool:
        numbers = self.numbers(node)
        if node.op_type == "Squeeze":
            return numbers is not None and set(numbers) <= AXES
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
        is_scalar = node.op_type == "Gather" and node.input[1] in self.stored and not self.stored[node.input[1]].dims
        return is_scalar and axis in (1, -3) and numbers in ([0], [-1])

    def numbers(self, node: onnx.NodeProto) -> list[int] | None:
        """The axes, or indices, of a node: an attribute before opset 13, an input since; None if they are computed."""
        for attribute in node.attribute:
            if attribute.name == "axes":
                return list(attribute.ints)
        if len(node.input) < 2 or not node.input[1]:
            return []
        tensor = self.stored.get(node.input[1])
        return None if tensor is None else [int(number) for number in numpy_helper.to_array(tensor).reshape(-1)]


def _widen(output: onnx.ValueInfoProto) -> None:
    """Its shape is [1, 1, height, width]."""
    shape = output.type.tensor_type.shape
    sides = list(shape.dim[-2:])
    wide = onnx.TensorShapeProto()
    for _ in range(2):
        wide.dim.add().dim_value = 1
    wide.dim.extend(sides)
    shape.CopyFrom(wide)
