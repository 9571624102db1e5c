"""Standard ONNX -> the two operations of our own that both backends run: MaxPoolArgmax and IndexUnpool.

MaxPoolArgmax: x -> values, codes. 2×2 windows; a code says which of the four won (the first maximum, row by row).
IndexUnpool: values, codes -> x. Each value goes back to where its code says, zeros elsewhere.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper

from dim_trt.errors import BuildError

DOMAIN = "dim_trt"
POOL_DEFAULTS = {"pads": [0, 0, 0, 0], "auto_pad": "NOTSET", "ceil_mode": 0, "dilations": [1, 1], "storage_order": 0}


def import_graph(proto: onnx.ModelProto) -> gs.Graph:
    """A graph to rewrite: Constant nodes have become constants, Identity and dead nodes are gone, nodes in order."""
    try:
        graph = gs.import_onnx(proto)
    except Exception as failure:  # the library raises whatever it stumbles over
        raise BuildError(f"onnx: the graph cannot be read ({type(failure).__name__}: {failure})") from failure
    for node in graph.nodes:
        node.name = node.name or node.outputs[0].name  # for messages, and for names made from it
        if node.op == "Constant":
            _inline_constant(node)
    for node in graph.nodes:
        if node.op == "Identity":
            _bypass(graph, node)
    return graph.cleanup(remove_unused_graph_inputs=False).toposort()


def lower(graph: gs.Graph) -> gs.Graph:
    """Replace every two-output MaxPool and every MaxUnpool, in place; raises BuildError where that is not exact."""
    codes: dict[str, gs.Variable] = {}  # name of a MaxPool's index tensor: our codes
    for node in list(graph.nodes):
        if node.op == "MaxPool":
            _lower_pool(graph, node, codes)
    for node in list(graph.nodes):
        if node.op == "MaxUnpool":
            _lower_unpool(graph, node, codes)
    return graph.cleanup(remove_unused_graph_inputs=False).toposort()


def fail(node: gs.Node, reason: str) -> BuildError:
    """An error that names the node."""
    return BuildError(f"onnx: node {node.name!r} ({node.op}) {reason}")


def _inline_constant(node: gs.Node) -> None:
    value = node.attrs.get("value")
    if value is None or len(node.attrs) != 1:
        raise fail(node, f"holds {', '.join(node.attrs) or 'nothing'}; expected a tensor in `value`")
    constant = gs.Constant(node.outputs[0].name, value.values)
    for consumer in list(node.outputs[0].outputs):
        consumer.inputs = [constant if tensor is node.outputs[0] else tensor for tensor in consumer.inputs]
    node.outputs.clear()


def _bypass(graph: gs.Graph, node: gs.Node) -> None:
    source, result = node.inputs[0], node.outputs[0]
    node.outputs.clear()
    if any(result is tensor for tensor in graph.outputs):  # keeps its name and type
        if not source.inputs:
            raise fail(node, f"gives {source.name!r} as the output; nothing is computed")
        producer = source.inputs[0]
        producer.outputs = [result if tensor is source else tensor for tensor in producer.outputs]
        source, result = result, source
    for consumer in list(result.outputs):
        consumer.inputs = [source if tensor is result else tensor for tensor in consumer.inputs]


def _unused_name(graph: gs.Graph, name: str) -> str:
    taken = graph.tensors()
    while name in taken:
        name += "_"
    return name


def _check_2x2(node: gs.Node) -> None:
    expected = {"kernel_shape": [2, 2], "strides": [2, 2]}
    for name in ("kernel_shape", "strides", *POOL_DEFAULTS):
        wanted = expected.get(name, POOL_DEFAULTS.get(name))
        default = [1, 1] if name == "strides" else POOL_DEFAULTS.get(name)
        if (got := node.attrs.get(name, default)) != wanted:
            raise fail(node, f"has {name} {got}; expected {wanted} (2x2 windows, stride 2)")


def _lower_pool(graph: gs.Graph, node: gs.Node, codes: dict[str, gs.Variable]) -> None:
    _check_2x2(node)
    values = node.outputs[0]
    # TensorRT's plugins exchange neither uint8 nor bool: codes have the type of the data, 0 to 3 is exact in any
    variable = gs.Variable(_unused_name(graph, f"{values.name}.codes"), values.dtype or np.float32)
    for indices in node.outputs[1:]:
        for consumer in indices.outputs:
            if consumer.op != "MaxUnpool":
                raise fail(consumer, f"uses the indices of MaxPool {node.name!r}; only MaxUnpool can")
        codes[indices.name] = variable
    node.op, node.domain, node.attrs = "MaxPoolArgmax", DOMAIN, {}
    node.outputs = [values, variable]


def _lower_unpool(graph: gs.Graph, node: gs.Node, codes: dict[str, gs.Variable]) -> None:
    _check_2x2(node)
    if len(node.inputs) != 2:
        raise fail(node, "has an explicit output shape; expected the 2x2 default, twice the height and width")
    indices = node.inputs[1]
    if indices.name not in codes:
        raise fail(node, f"takes its indices from {indices.name!r}, which is not the second output of a MaxPool")
    node.op, node.domain, node.attrs = "IndexUnpool", DOMAIN, {}
    node.inputs = [node.inputs[0], _codes_like(graph, node, codes[indices.name])]


def _codes_like(graph: gs.Graph, node: gs.Node, codes: gs.Variable) -> gs.Variable:
    """`codes` in the type of the values that go with them: their pooling may compute in another."""
    dtype = node.inputs[0].dtype or codes.dtype
    if dtype == codes.dtype:
        return codes
    name = _unused_name(graph, f"{node.name}.codes")
    result = gs.Variable(name, dtype)
    to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph.nodes.append(gs.Node("Cast", name, {"to": to}, [codes], [result]))
    return result
