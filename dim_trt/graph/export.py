"""A rewritten graph -> the ONNX model that the parsers of TensorRT 8.5 to 11 and ONNX Runtime read."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from onnx import helper

from dim_trt.graph.lower import DOMAIN

DOMAIN_VERSION = 1
IR_VERSIONS = {17: 8, 19: 9}  # by opset: the first that allows it


def export_model(graph: gs.Graph) -> onnx.ModelProto:
    """The graph as ONNX, at the oldest opset from 17 on that has its operations; the graph is not changed.

    The operations that these graphs are made of mean the same in every opset from 13 on, so a newer file may come
    out as an older one: TensorRT 8.5 knows opset 17 and no newer.
    """
    opset = _needed_opset(graph)
    imports = [helper.make_opsetid("", opset)]
    if any(node.domain == DOMAIN for node in graph.nodes):
        imports.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    model: onnx.ModelProto = gs.export_onnx(graph, opset_imports=imports)
    model.ir_version = IR_VERSIONS[opset]
    model.producer_name, model.producer_version = "dim_trt", ""
    return model


def _needed_opset(graph: gs.Graph) -> int:
    """17, or 19 where tensors are quantized from or to float16."""
    for node in graph.nodes:
        if node.op in ("QuantizeLinear", "DequantizeLinear") and node.inputs[1].dtype == np.float16:
            return 19
    return 17
