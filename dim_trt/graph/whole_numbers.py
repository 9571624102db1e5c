"""Which convolutions the cpu backend quantizes: those whose inputs can be kept as whole numbers of 0 to 127.

A map is kept so where a ReLU, or a pooling after it, writes it, and where every reader is a convolution that is
quantized: of the map, of the unpooled map, or of a sum of an unpooled map and another, where both are kept. What
anything else reads (a concatenation, a head) stays float32.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx_graphsurgeon as gs

from dim_trt.graph.precision import adds_to_unpooled, int8_inputs, quantizable
from dim_trt.graph.translate import SUM_KERNEL


def not_in_int8(graph: gs.Graph, exclude: Collection[str] = ()) -> list[str]:
    """Names of the convolutions of a standard graph that are left alone: `exclude`, and those that depend on them."""
    wanted = {node.name: node for node in quantizable(graph, exclude)}
    outputs = {id(tensor) for tensor in graph.outputs}

    def is_possible(conv: gs.Node) -> bool:
        inputs = [reader.inputs[i] for reader, i in int8_inputs(conv, in_terms=True)]
        if len(inputs) > 1 and conv.inputs[1].shape[-1] != SUM_KERNEL:
            return False
        return all(is_kept(tensor) for tensor in inputs)

    def is_kept(tensor: gs.Tensor) -> bool:
        """Whether what becomes this tensor, unpooled or not, is a map of whole numbers."""
        writer = tensor.inputs[0] if tensor.inputs else None
        if writer is not None and writer.op == "MaxUnpool":
            return is_kept(writer.inputs[0])
        if writer is None or not _is_from_zero_up(writer):
            return False
        readers = _readers(tensor, outputs)
        if writer.op == "Relu":
            readers = [(reader, read) for reader, read in readers if reader is None or reader.op != "MaxPool"]
        return (
            len({id(read) for _, read in readers}) == 1  # each has a range of its own
            and all(reader is not None and reader.op == "Conv" and reader.name in wanted for reader, _ in readers)
        )

    while refused := [name for name, conv in wanted.items() if not is_possible(conv)]:
        for name in refused:
            del wanted[name]
    return [node.name for node in quantizable(graph) if node.name not in wanted]


def _readers(tensor: gs.Tensor, outputs: Collection[int]) -> list[tuple[gs.Node | None, gs.Tensor]]:
    """What reads a tensor, unpooled, added to an unpooled one or as it is, with what of it is quantized.

    None: who reads the graph's outputs, of which these are the `id`. Poolings take a map before it is rounded.
    """
    found: list[tuple[gs.Node | None, gs.Tensor]] = [(None, tensor)] if id(tensor) in outputs else []
    for node in tensor.outputs:
        if node.op == "MaxUnpool" and node.inputs[0] is tensor:
            found += _readers(node.outputs[0], outputs)
        elif adds_to_unpooled(node):
            found += [(reader, tensor) for reader, _ in _readers(node.outputs[0], outputs)]
        else:
            found.append((node, tensor))
    return found


def _is_from_zero_up(node: gs.Node) -> bool:
    """A ReLU of a convolution, or a pooling of a ReLU."""
    before = node.inputs[0].inputs
    return bool(before and (node.op, before[0].op) in (("Relu", "Conv"), ("MaxPool", "Relu")))
