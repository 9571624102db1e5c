"""Weight storage of the cpu backend, said in standard ONNX: ONNX Runtime runs the same graph and is its reference.

What computes in int8 has its weights so already. fp16: float16 weights and a Cast to float32. int8: int8 weights,
symmetric, one scale per output channel, and a DequantizeLinear; the first and last convolutions, where a rounding error
would show most, are stored as fp16. Biases stay float32.
"""

from __future__ import annotations

import numpy as np
import onnx_graphsurgeon as gs
from onnx import TensorProto

from dim_trt.graph.maps import restoring_node
from dim_trt.graph.quantize import float32_weights, is_first_or_last, quantized_weight, to_float16
from dim_trt.precisions import check_precision


def store_weights(graph: gs.Graph, weights: str) -> gs.Graph:
    """Store the weights of every convolution that has float32 ones as "fp32", "fp16" or "int8", in place."""
    check_precision(weights, "weights")
    if weights == "fp32":
        return graph
    for node in [node for node in graph.nodes if node.op == "Conv" and restoring_node(node) is None]:
        if weights == "int8" and not is_first_or_last(graph, node):
            node.inputs[1] = quantized_weight(graph, node, float32_weights(node), np.float32)
        else:
            _store_fp16(graph, node)
    return graph.cleanup().toposort()


def _store_fp16(graph: gs.Graph, node: gs.Node) -> None:
    weight = node.inputs[1]
    stored = gs.Constant(f"{weight.name}.fp16", to_float16(node, float32_weights(node), "weights"))
    restored = gs.Variable(f"{weight.name}.fp32", np.float32, weight.shape)
    graph.nodes.append(gs.Node("Cast", f"{node.name}.cast", {"to": TensorProto.FLOAT}, [stored], [restored]))
    node.inputs[1] = restored
