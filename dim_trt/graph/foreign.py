"""ONNX of other exporters -> the standard graph: unpooling that was written out in many nodes becomes MaxUnpool.

PyTorch exports unpooling as Reshape, Add, ScatterND and the like, and takes the indices of MaxPool apart first; how,
differs by version. So no such pattern is looked for. Where a layer reads a tensor that layers do not compute, the nodes
before it, back to feature maps and to the indices of a pooling, are run on random values. If they move the values
exactly as unpooling does, they are replaced; if not, the message names the node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper

from dim_trt.errors import BuildError
from dim_trt.graph.nodes import describe
from dim_trt.graph.probe import Feature, Probe, probe_sizes

LAYERS = frozenset(
    ["Add", "Clip", "Concat", "Conv", "Identity", "MaxPool", "MaxUnpool", "Relu", "Resize", "Sigmoid", "Slice"]
)
GLUE = frozenset(
    ["Cast", "ConstantOfShape", "Div", "Equal", "Expand", "Flatten", "Floor", "Gather", "Mod", "Mul", "Neg", "Range",
     "Reshape", "ScatterElements", "ScatterND", "Shape", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where"]
)  # fmt: skip
CURE = "Export with F.max_unpool2d: torch.onnx.export(…, dynamo=True, external_data=False)"
ONLY_LAYERS = frozenset(["Conv", "Relu", "Sigmoid"])  # the others also compute indices and sizes


def standardize(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same network of LAYERS (and constants) for any size of picture; raises BuildError that names a node."""
    return _Standardizer(proto).run()


@dataclass(frozen=True)
class _Pool:
    values: str
    indices: str
    source: Feature


class _Standardizer:
    def __init__(self, proto: onnx.ModelProto):
        self.proto = onnx.ModelProto()
        self.proto.CopyFrom(proto)
        self.graph = self.proto.graph
        self.stored = _stored_shapes(self.graph)
        self.input = next(value for value in self.graph.input if value.name not in self.stored)
        self.producers = {name: node for node in self.graph.node for name in node.output}
        channels = self.input.type.tensor_type.shape.dim[1].dim_value
        self.features = {self.input.name: Feature(channels, 0)}
        self.pools: dict[str, _Pool] = {}  # by the name of its indices
        self.unpools: dict[str, onnx.NodeProto] = {}  # what replaces the node that computes this tensor

    def run(self) -> onnx.ModelProto:
        for node in self.graph.node:
            self.visit(node)
        for output in self.graph.output:
            if output.name not in self.features and output.name in self.producers:
                self.recognize(output.name, self.producers[output.name])
        self.rewrite()
        return self.proto

    def visit(self, node: onnx.NodeProto) -> None:
        """Note which feature map a layer computes; recognize what it reads."""
        if node.op_type == "MaxUnpool":
            self.recognize(node.output[0], node)
        elif node.op_type == "MaxPool" and _numbers(node, "kernel_shape") != [1, 1]:
            source = self.read(node, node.input[0])
            indices = node.output[1] if len(node.output) > 1 else ""
            self.features[node.output[0]] = Feature(source.channels, source.level + 1)
            if indices:
                self.pools[indices] = _Pool(node.output[0], indices, source)
        elif node.op_type in ("Add", "Concat") and any(name in self.features for name in node.input):
            parts = [self.read(node, name) for name in node.input if name not in self.stored]
            channels = sum(part.channels for part in parts) if node.op_type == "Concat" else parts[0].channels
            self.features[node.output[0]] = Feature(channels, parts[0].level)
        elif node.op_type in ONLY_LAYERS or (node.op_type in LAYERS and node.input[0] in self.features):
            source = self.read(node, node.input[0])
            self.features[node.output[0]] = Feature(self.channels(node, source), source.level)

    def channels(self, node: onnx.NodeProto, source: Feature) -> int:
        if node.op_type == "Conv" and self.stored.get(node.input[1]):
            return int(self.stored[node.input[1]][0])
        return source.channels  # a slice is read by a concatenation only, never unpooled

    def read(self, node: onnx.NodeProto, name: str) -> Feature:
        """The feature map that a layer reads, recognized if need be."""
        if name not in self.features:
            self.recognize(name, node)
        return self.features[name]

    def recognize(self, name: str, reader: onnx.NodeProto) -> None:
        """`name` must be the unpooling of a feature map; from now on it is one."""
        nodes, ends = self.before(name)
        own = reader is self.producers.get(name)
        what = describe(reader) if own else f"{describe(reader)} reads {name!r}, which"
        pools = [self.pools[end] for end in ends if end in self.pools]
        if len(pools) != 1:
            ops = ", ".join(sorted({node.op_type for node in nodes})) or "nothing"
            raise BuildError(
                f"onnx: {what} is no feature map: it is computed by {ops} with the indices of {len(pools)} MaxPool "
                f"nodes; expected unpooling with the indices of one. {CURE}"
            )
        values, problem = self.unpooled_values(name, nodes, ends, pools[0])
        if not values:
            pool = describe(self.producers[pools[0].values])
            raise BuildError(f"onnx: {what} is not the unpooling of {pool}: {problem}. {CURE}")
        inputs, label = [values, pools[0].indices], self.producers[name].name or name
        self.unpools[name] = helper.make_node("MaxUnpool", inputs, [name], label, kernel_shape=[2, 2], strides=[2, 2])
        self.features[name] = pools[0].source

    def unpooled_values(
        self, name: str, nodes: Sequence[onnx.NodeProto], ends: Sequence[str], pool: _Pool
    ) -> tuple[str, str]:
        """The feature map that `nodes` unpool into `name`, whatever the size; or an empty name, and what differs."""
        features = {end: self.features[end] for end in ends if end in self.features}
        pooled = Feature(pool.source.channels, pool.source.level + 1)
        left = [end for end in features if features[end] == pooled]
        problem = f"no feature map of {pooled.channels} channels and the right size goes into it"
        for size in probe_sizes(self.input):
            probe = Probe(self.proto, nodes, name, size)
            outcome = {end: probe.run(features, pool.indices, pool.source, end) for end in left}
            problem = next(filter(None, outcome.values()), problem)
            left = [end for end in left if not outcome[end]]
        return (left[0] if left else ""), problem

    def before(self, name: str) -> tuple[list[onnx.NodeProto], list[str]]:
        """The nodes that compute a tensor, in order, and the feature maps and indices that they begin with."""
        needed: set[str] = set()
        ends: list[str] = []
        pending = [name]
        while pending:
            tensor = pending.pop()
            known = tensor in self.features and tensor != name
            if known or tensor in self.pools:
                ends += [tensor] if tensor not in ends else []
            elif tensor in self.producers and self.producers[tensor].output[0] not in needed:
                needed.add(self.producers[tensor].output[0])
                pending += [text for text in self.producers[tensor].input if text]
        return [node for node in self.graph.node if node.output[0] in needed], ends

    def rewrite(self) -> None:
        """The graph with the unpoolings in place of what they stand for, and nothing that no one reads."""
        read = {output.name for output in self.graph.output}
        nodes: list[onnx.NodeProto] = []
        for node in reversed(self.graph.node):
            replacement = next((self.unpools[name] for name in node.output if name in self.unpools), node)
            if read & set(node.output):
                nodes.append(replacement)
                read |= set(replacement.input)
        tensors = [tensor for tensor in self.graph.initializer if tensor.name in read]
        for field, values in (("node", nodes[::-1]), ("initializer", tensors)):
            self.graph.ClearField(field)
            getattr(self.graph, field).extend(values)
        self.graph.ClearField("value_info")  # sizes of feature maps, fixed ones among them
        for value in (self.input, *self.graph.output):
            for dim, symbol in zip(value.type.tensor_type.shape.dim[2:], ("32*h", "32*w"), strict=False):
                dim.dim_param = symbol


def is_standard(proto: onnx.ModelProto) -> bool:
    """Whether nothing is left to recognize: the indices of every MaxUnpool are those of a MaxPool, and no glue."""
    indices = {node.output[1] for node in proto.graph.node if node.op_type == "MaxPool" and len(node.output) > 1}
    for node in proto.graph.node:
        if node.op_type in GLUE or (node.op_type == "MaxUnpool" and node.input[1] not in indices):
            return False
    dims = [dim for value in proto.graph.input for dim in value.type.tensor_type.shape.dim[2:]]
    return not any(dim.HasField("dim_value") for dim in dims)


def _stored_shapes(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """The shape of every tensor in the file, by name."""
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            shapes[node.output[0]] = next((list(a.t.dims) for a in node.attribute if a.HasField("t")), [])
    return shapes


def _numbers(node: onnx.NodeProto, name: str) -> list[int]:
    found = [attribute for attribute in node.attribute if attribute.name == name]
    values: Any = helper.get_attribute_value(found[0]) if found else []
    return list(values)
