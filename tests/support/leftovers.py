"""Graphs with what exporters leave in them: each function changes a model and returns it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def insert_after(model: onnx.ModelProto, kind: str, make: Callable[[str, str], onnx.NodeProto]) -> None:
    """`make(old, new)` after each node of this kind: it reads `old`, and what read that reads `new`."""
    nodes = list(model.graph.node)
    for place in reversed(range(len(nodes))):
        if nodes[place].op_type == kind:
            old, new = nodes[place].output[0], f"{nodes[place].output[0]}.after"
            for node in nodes:
                node.input[:] = [new if name == old else name for name in node.input]
            nodes.insert(place + 1, make(old, new))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def channels(model: onnx.ModelProto, conv_output: str) -> int:
    conv = next(node for node in model.graph.node if conv_output in node.output)
    return int(next(tensor.dims[0] for tensor in model.graph.initializer if tensor.name == conv.input[1]))


def with_norms(model: onnx.ModelProto, **attributes: Any) -> onnx.ModelProto:
    """Batch norm after every convolution, its statistics far from 0 and 1."""
    random = np.random.default_rng(0)

    def norm(old: str, new: str) -> onnx.NodeProto:
        names = [f"{old}.{part}" for part in ("gain", "shift", "mean", "variance")]
        for name in names:
            values = 0.5 + random.random(channels(model, old)) * (-1 if name.endswith("shift") else 1)
            model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
        outputs = [new, f"{new}.mean", f"{new}.variance"] if attributes.get("training_mode") else [new]
        return helper.make_node("BatchNormalization", [old, *names], outputs, f"norm of {old}", **attributes)

    insert_after(model, "Conv", norm)
    return model


def rounded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights rounded to float16."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """All of it in float16, as model.half() exports it."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def halved_inside(model: onnx.ModelProto) -> onnx.ModelProto:
    """float32 outside, as converters keep it."""
    halved(model)
    graph = model.graph
    for node in graph.node:
        node.input[:] = ["x.half" if name == graph.input[0].name else name for name in node.input]
        node.output[:] = ["y.half" if name == graph.output[0].name else name for name in node.output]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT
    first = helper.make_node("Cast", [graph.input[0].name], ["x.half"], to=TensorProto.FLOAT16)
    last = helper.make_node("Cast", ["y.half"], [graph.output[0].name], to=TensorProto.FLOAT)
    nodes = [first, *graph.node, last]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def cast_like(model: onnx.ModelProto) -> onnx.ModelProto:
    insert_after(model, "Relu", lambda old, new: helper.make_node("CastLike", [old, model.graph.input[0].name], [new]))
    return model


def numbers_in_attributes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Constants as lists, which is how the exporter writes them without optimize=True."""
    for tensor in list(model.graph.initializer):
        if tensor.data_type == TensorProto.INT64 and len(tensor.dims) == 1:
            values = numpy_helper.to_array(tensor).tolist()
            model.graph.initializer.remove(tensor)
            model.graph.node.insert(0, helper.make_node("Constant", [], [tensor.name], value_ints=values))
    assert any(node.op_type == "Constant" for node in model.graph.node)
    return model


def squeezed(*nodes: tuple[str, list[int] | None], before_sigmoid: bool = False) -> Callable[..., onnx.ModelProto]:
    """Alpha goes through nodes that drop or restore axes."""

    def change(model: onnx.ModelProto) -> onnx.ModelProto:
        graph, name = model.graph, "alpha"
        last = graph.node[-1]
        assert last.op_type == "Identity"
        graph.node.remove(last)
        added, source, rank = [], last.input[0], 4
        if before_sigmoid:
            sigmoid = next(node for node in graph.node if node.output[0] == source)
            graph.node.remove(sigmoid)
            source = sigmoid.input[0]
        for number, (op, axes) in enumerate(nodes):
            inputs = [source]
            if axes is not None:
                array = np.array(axes[0] if op == "Gather" else axes, np.int64)
                graph.initializer.append(numpy_helper.from_array(array, f"axes {number}"))
                inputs.append(f"axes {number}")
            source = f"squeezed {number}"
            added.append(
                helper.make_node(op, inputs, [source], f"axis {number}", **{"axis": 1} if op == "Gather" else {})
            )
            rank += (1 if op == "Unsqueeze" else -1) * (2 if axes is None else 1)
        added.append(helper.make_node("Sigmoid" if before_sigmoid else "Identity", [source], [name]))
        graph.node.extend(added)
        graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1] * (rank - 2) + ["h", "w"]))
        return model

    return change
