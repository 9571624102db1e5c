"""Which convolutions the cpu backend computes in int8: those whose input can be kept as whole numbers of 0 to 127.

A map is kept so where a ReLU, or a pooling after it, writes it, and where every reader is a convolution that is
quantized, unpooling on the way or not. What anything else reads (a sum, a concatenation, a head) stays float32.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx_graphsurgeon as gs

from dim_trt.graph.precision import quantizable


def not_in_int8(graph: gs.Graph, exclude: Collection[str] = ()) -> list[str]:
    """Names of the convolutions of a standard graph that are left alone: `exclude`, and those that depend on them."""
    wanted = {node.name for node in quantizable(graph, exclude)}
    kept: set[str] = set()
    for node in graph.nodes:
        if node.op not in ("Relu", "MaxPool") or not _is_from_zero_up(node):
            continue
        readers = _readers(node.outputs[0])
        if node.op == "Relu":
            readers = [(reader, tensor) for reader, tensor in readers if reader.op != "MaxPool"]  # before rounding
        tensors = {id(tensor) for _, tensor in readers}  # each has a range of its own
        is_output = any(node.outputs[0] is output for output in graph.outputs)
        if (
            len(tensors) == 1
            and not is_output
            and all(reader.op == "Conv" and reader.name in wanted for reader, _ in readers)
        ):
            kept.update(reader.name for reader, _ in readers)
    return [node.name for node in quantizable(graph) if node.name not in kept]


def _readers(tensor: gs.Tensor) -> list[tuple[gs.Node, gs.Tensor]]:
    """What reads a tensor, unpooled or not, with what it reads."""
    found: list[tuple[gs.Node, gs.Tensor]] = []
    for node in tensor.outputs:
        found += _readers(node.outputs[0]) if node.op == "MaxUnpool" and node.inputs[0] is tensor else [(node, tensor)]
    return found


def _is_from_zero_up(node: gs.Node) -> bool:
    before = node.inputs[0].inputs
    if not before:
        return False
    return bool(before[0].op == ("Conv" if node.op == "Relu" else "Relu"))
