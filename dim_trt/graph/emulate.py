"""A typed fp16 or int8 graph as fp32 ONNX that rounds to float16 where the typed graph does.

ONNX Runtime has no float16 arithmetic on most CPUs: it computes a typed fp16 graph in float32 and leaves the rounding
between the nodes out. Here every result that the typed graph holds in float16 is cast to float16 and back, and ONNX
Runtime does keep those casts. So this graph shows on a CPU what a GPU's float16 does to alpha, but for the order of
the sums; they are taken in float32, as tensor cores can.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EXACT = frozenset(["Relu", "MaxPool", "MaxUnpool", "Concat", "Slice", "Identity"])  # give float16 values for such
HALF, SINGLE = TensorProto.FLOAT16, TensorProto.FLOAT


def emulate(model: onnx.ModelProto) -> onnx.ModelProto:
    """The typed model's twin without float16 tensors; `model` must say the type of every tensor, as to_fp16 does."""
    graph = model.graph
    halves = {value.name for value in graph.value_info if value.type.tensor_type.elem_type == HALF}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        twin = onnx.NodeProto()
        twin.CopyFrom(node)
        if node.op_type == "Cast":  # the one before a float16 tensor rounds, the one after it has nothing left to do
            twin = helper.make_node("Identity", node.input, node.output, node.name)
        nodes.append(twin)
        if node.output[0] in halves and node.op_type not in EXACT:
            nodes += _round_trip(twin)
    tensors = [_widened(tensor) for tensor in graph.initializer]
    twin_graph = helper.make_graph(nodes, graph.name, graph.input, graph.output, tensors)
    return helper.make_model(twin_graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _round_trip(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Cast nodes that round the first output of `node`, which gets another name."""
    result = node.output[0]
    exact, half = f"{result}.unrounded", f"{result}.half"
    node.output[0] = exact
    return [helper.make_node("Cast", [exact], [half], to=HALF), helper.make_node("Cast", [half], [result], to=SINGLE)]


def _widened(tensor: TensorProto) -> TensorProto:
    if tensor.data_type != HALF:
        return tensor
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)
