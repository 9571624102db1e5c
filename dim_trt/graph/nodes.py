"""Small questions to ONNX graphs that several modules have."""

from __future__ import annotations

from collections.abc import Iterator

import onnx
from onnx import TensorProto


def describe(node: onnx.NodeProto) -> str:
    """How messages call a node: its operation and its name, or the name of its output where it has none."""
    return f"node {node.name or (node.output[0] if node.output else '?')!r} ({node.op_type})"


def stored_tensors(graph: onnx.GraphProto) -> dict[str, TensorProto]:
    """By the name that nodes use: initializers, and what Constant nodes hold."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            stored[node.output[0]] = node.attribute[0].t
    return stored


def tensors_of(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """Every tensor stored in the graph: initializers, attributes, and those of nested graphs."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for nested in (attribute.g, *attribute.graphs):
                yield from tensors_of(nested)
