"""A lowered graph -> ONNX for TensorRT: with plugin nodes, or without plugins as an exact decomposition.

TensorRT has neither MaxUnpool nor the indices of MaxPool. The plugin nodes carry the attributes by which its parser
finds the plugins. The decomposition says the same in operations that TensorRT has: a window's four values are four
slices with stride 2; the first that equals the maximum wins, as in PyTorch, and after ReLU ties at zero are common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from dim_trt.graph.export import export_model
from dim_trt.graph.lower import DOMAIN

PLUGIN_VERSION, PLUGIN_NAMESPACE = "1", DOMAIN
PLUGIN_ATTRIBUTES = {"plugin_version": PLUGIN_VERSION, "plugin_namespace": PLUGIN_NAMESPACE}
SIGNATURES = {"MaxPoolArgmax": (["x"], ["values", "codes"]), "IndexUnpool": (["values", "codes"], ["x"])}


def to_plugin_model(graph: gs.Graph) -> onnx.ModelProto:
    """MaxPoolArgmax and IndexUnpool as nodes that TensorRT's parser hands to the plugins of that name.

    Codes have the type of the data. The opset is 17 (TensorRT 8.5 and newer), or 19 for int8 with float16 around it.
    """
    model = export_model(graph)
    for node in model.graph.node:
        if node.domain == DOMAIN:
            node.attribute.extend(helper.make_attribute(*item) for item in PLUGIN_ATTRIBUTES.items())
    return model


def to_native_model(graph: gs.Graph) -> onnx.ModelProto:
    """The same graph without plugins, bit for bit the same result; it moves whole maps more often."""
    model = export_model(graph)
    halves = _float16_tensors(model)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.domain != DOMAIN:
            nodes.append(node)
            continue
        codes = node.output[1] if node.op_type == "MaxPoolArgmax" else node.input[1]
        body = _Body(f"{node.name}.", ".fp16" if codes in halves else "")
        body.build(node.op_type, node.input, node.output)
        nodes += body.nodes
    used = {name for node in nodes for name in node.input}
    constants = (numpy_helper.from_array(values, name) for name, values in _constants().items() if name in used)
    graph = helper.make_graph(
        nodes, model.graph.name, model.graph.input, model.graph.output, [*model.graph.initializer, *constants]
    )
    return helper.make_model(
        graph,
        opset_imports=[entry for entry in model.opset_import if entry.domain != DOMAIN],
        ir_version=model.ir_version,
        producer_name=model.producer_name,
    )


def tensor_types(model: onnx.ModelProto) -> dict[str, str]:
    """ "fp16" or "fp32", for each tensor of these types that a node of the model writes."""
    names = {onnx.TensorProto.FLOAT16: "fp16", onnx.TensorProto.FLOAT: "fp32"}
    inferred = onnx.shape_inference.infer_shapes(model).graph
    values = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)}
    written = [name for node in model.graph.node for name in node.output]
    return {name: names[values[name]] for name in written if values.get(name) in names}


def with_reference_bodies(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a plugin model in which both operations are ONNX functions, so that ONNX Runtime can run it."""
    result = onnx.ModelProto()
    result.CopyFrom(model)
    imports = [entry for entry in model.opset_import if entry.domain != DOMAIN]
    for op, (inputs, outputs) in SIGNATURES.items():
        body = _Body("", ".like")
        body.build(op, inputs, outputs)
        constants = [
            helper.make_node("Constant", [], [name], value=numpy_helper.from_array(values, name))
            for name, values in _constants().items()
        ]
        constants += [
            helper.make_node("CastLike", [_code_name(code), inputs[0]], [_code_name(code, ".like")])
            for code in range(4)
        ]
        attributes = [helper.make_attribute(*item) for item in PLUGIN_ATTRIBUTES.items()]
        result.functions.append(
            helper.make_function(
                DOMAIN, op, inputs, outputs, constants + body.nodes, imports, attribute_protos=attributes
            )
        )
    return result


class _Body:
    """Collects the nodes of one decomposed operation; names of tensors in between start with `prefix`.

    `kind`: the end of the names of the constants that have the type of its codes.
    """

    def __init__(self, prefix: str, kind: str):
        self.prefix = prefix
        self.kind = kind
        self.nodes: list[onnx.NodeProto] = []

    def build(self, op: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        if op == "MaxPoolArgmax":
            self.max_pool_argmax(inputs[0], outputs[0], outputs[1])
        else:
            self.index_unpool(inputs[0], inputs[1], outputs[0])

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], output, **attributes))
        return output

    def code_name(self, code: int) -> str:
        return _code_name(code, self.kind)

    def max_pool_argmax(self, x: str, values: str, codes: str) -> None:
        self.add("MaxPool", [x], values, kernel_shape=[2, 2], strides=[2, 2])
        result = self.code_name(3)
        for code in (2, 1, 0):  # the first that matches comes last and so has the last word
            bounds = [f"window.start{code}", "window.end", "window.axes", "window.steps"]
            value = self.add("Slice", [x, *bounds], f"{self.prefix}value{code}")
            wins = self.add("Equal", [value, values], f"{self.prefix}wins{code}")
            output = codes if code == 0 else f"{self.prefix}codes{code}"
            result = self.add("Where", [wins, self.code_name(code), result], output)

    def index_unpool(self, values: str, codes: str, x: str) -> None:
        parts = []
        for code in range(4):
            here = self.add("Equal", [codes, self.code_name(code)], f"{self.prefix}here{code}")
            parts.append(self.add("Where", [here, values, self.code_name(0)], f"{self.prefix}part{code}"))
        stacked = self.add("Concat", parts, f"{self.prefix}parts", axis=1)
        self.add("DepthToSpace", [stacked], x, blocksize=2, mode="DCR")


def _code_name(code: int, kind: str = "") -> str:
    return f"window.code{code}{kind}"


def _constants() -> dict[str, NDArray[Any]]:
    """What the decomposed operations share, by name."""
    end = np.iinfo(np.int32).max  # whatever the size; TensorRT 8 computes shapes in 32 bits
    constants: dict[str, NDArray[Any]] = {}
    for kind, dtype in (("", np.float32), (".fp16", np.float16)):
        constants |= {_code_name(code, kind): np.full((1, 1, 1, 1), code, dtype) for code in range(4)}
    constants |= {f"window.start{code}": np.array([code // 2, code % 2]) for code in range(3)}
    constants |= {"window.end": np.array([end, end]), "window.axes": np.array([2, 3]), "window.steps": np.array([2, 2])}
    return constants


def _float16_tensors(model: onnx.ModelProto) -> set[str]:
    values = (*model.graph.value_info, *model.graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16}
