"""The typed network that TensorRT builds: which layers are fp32, fp16 or int8, by what calibration pictures show."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
import onnx_graphsurgeon as gs

from dim_trt import onnx_runtime
from dim_trt.graph.load import Source
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.overflow import LIMIT, beyond_float16, feature_peaks
from dim_trt.graph.pictures import CalibrationPicture
from dim_trt.graph.precision import to_fp16, to_int8
from dim_trt.graph.tensorrt import tensor_types, to_native_model, to_plugin_model
from dim_trt.plans.int8 import calibration_pictures, choose_int8, progress_bar
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.plans.tensorrt_report import layer_table

LOGGER = logging.getLogger("dim_trt")
FIRST_TYPED_VERSION = 10  # before, int8 networks are float32 around their int8 parts, and types are told apart


@dataclass
class Network:
    """model: the ONNX that TensorRT parses; types: those of its tensors, where it must be told them beside the file.

    excluded: the layers that int8 left alone; kept: the nodes that float16 cannot hold, and the largest magnitude
    there; report: the convolutions in a table for people.
    """

    model: onnx.ModelProto
    types: dict[str, str] = field(default_factory=dict)
    excluded: list[str] = field(default_factory=list)
    kept: dict[str, float] = field(default_factory=dict)
    report: str = ""


def make_network(source: Source, precision: str, options: TensorRtOptions, major: int) -> Network:
    """For TensorRT `major`; raises BuildError, InvalidInput."""
    finish = _finish_plugin if options.unpool == "plugin" else _finish_native
    graph = import_graph(source.proto)
    if precision == "fp32":
        return Network(finish(import_graph(source.proto)), report=layer_table(graph, precision, {}, None))
    pictures = calibration_pictures(options.calibration)
    kept = _find_kept(source, pictures)
    typed = finish(to_fp16(import_graph(source.proto), kept))
    types = {} if major >= FIRST_TYPED_VERSION else tensor_types(typed)
    if precision == "fp16":
        return Network(typed, types, kept=kept, report=layer_table(graph, precision, kept, None))
    chosen = choose_int8(graph, pictures, source, options.threshold, reports=options.report is not None)
    base = "fp16" if major >= FIRST_TYPED_VERSION else "fp32"
    model = finish(to_int8(import_graph(source.proto), chosen.ranges, chosen.excluded, base=base, keep=kept))
    return Network(model, types, list(chosen.excluded), kept, layer_table(graph, precision, kept, chosen))


def _find_kept(source: Source, pictures: Sequence[CalibrationPicture]) -> dict[str, float]:
    """The nodes that float16 cannot hold on these pictures; says which, and where it could not look."""
    if not onnx_runtime.is_installed():
        LOGGER.warning(
            "fp16: whether float16 holds every feature map was not checked, which needs onnxruntime: "
            "pip install onnxruntime"
        )
        return {}
    graph = import_graph(source.proto)
    kept = beyond_float16(graph, feature_peaks(graph, pictures, source.preprocessing, progress_bar("range of fp16")))
    if kept:
        layers = [node.name for node in graph.nodes if node.op == "Conv" and node.name in kept]
        LOGGER.warning(
            "fp16: %s compute in fp32: feature maps reach %.0f on the calibration pictures, beyond %.0f, half of what "
            "float16 holds", ", ".join(layers), max(kept.values()), LIMIT,
        )  # fmt: skip
    return kept


def _finish_plugin(graph: gs.Graph) -> onnx.ModelProto:
    return to_plugin_model(lower(graph))


def _finish_native(graph: gs.Graph) -> onnx.ModelProto:
    return to_native_model(lower(graph))
