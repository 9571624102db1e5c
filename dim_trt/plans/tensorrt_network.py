"""The typed network that TensorRT builds: which layers are fp32, fp16 or int8, by what calibration pictures show."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx
import onnx_graphsurgeon as gs
from tqdm import tqdm

from dim_trt import onnx_runtime
from dim_trt.graph.calibrate import collect_histograms, ranges_by
from dim_trt.graph.histogram import RANGES
from dim_trt.graph.load import Source
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.overflow import LIMIT, beyond_float16, feature_peaks
from dim_trt.graph.pictures import CalibrationPicture, read_pictures, shipped_pictures
from dim_trt.graph.precision import to_fp16, to_int8
from dim_trt.graph.sensitivity import THRESHOLD, Comparison, choose_excluded, sensitivity
from dim_trt.graph.tensorrt import tensor_types, to_native_model, to_plugin_model
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.plans.tensorrt_report import Int8Choice, layer_table

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
    pictures = read_pictures(options.calibration) if options.calibration else shipped_pictures()
    kept = _find_kept(source, pictures)
    typed = finish(to_fp16(import_graph(source.proto), kept))
    types = {} if major >= FIRST_TYPED_VERSION else tensor_types(typed)
    if precision == "fp16":
        return Network(typed, types, kept=kept, report=layer_table(graph, precision, kept, None))
    chosen = choose_int8(graph, pictures, source, options)
    base = "fp16" if major >= FIRST_TYPED_VERSION else "fp32"
    model = finish(to_int8(import_graph(source.proto), chosen.ranges, chosen.excluded, base=base, keep=kept))
    return Network(model, types, list(chosen.excluded), kept, layer_table(graph, precision, kept, chosen))


def choose_int8(
    graph: gs.Graph, pictures: Sequence[CalibrationPicture], source: Source, options: TensorRtOptions
) -> Int8Choice:
    """The calibration that changes alpha least, and the layers to leave out of int8.

    None where all of them together change alpha by no more than the threshold; one by one they are measured only where
    they change more, or for the report.
    """
    threshold = THRESHOLD if options.threshold is None else options.threshold
    comparison = Comparison(graph, pictures, source.preprocessing)
    histograms = collect_histograms(graph, pictures, source.preprocessing, _bar("calibration"))
    ranges = {method: ranges_by(method, histograms) for method in RANGES}
    changes = {method: comparison.change_by_int8(ranges[method])[0] for method in _bar("kind of range")(RANGES)}
    best = min(changes, key=changes.__getitem__)
    chosen = Int8Choice(ranges[best], best, changes, threshold)
    if changes[best] > threshold or options.report:
        chosen.sensitivity = sensitivity(
            graph, pictures, source.preprocessing, chosen.ranges, _bar("sensitivity"), comparison
        )
    if changes[best] > threshold:
        chosen.excluded = choose_excluded(chosen.sensitivity, threshold)
    return chosen


def _find_kept(source: Source, pictures: Sequence[CalibrationPicture]) -> dict[str, float]:
    """The nodes that float16 cannot hold on these pictures; says which, and where it could not look."""
    if not onnx_runtime.is_installed():
        LOGGER.warning(
            "fp16: whether float16 holds every feature map was not checked, which needs onnxruntime: "
            "pip install onnxruntime"
        )
        return {}
    graph = import_graph(source.proto)
    kept = beyond_float16(graph, feature_peaks(graph, pictures, source.preprocessing, _bar("range of fp16")))
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


def _bar(what: str) -> Callable[[Any], Any]:
    return lambda items: tqdm(items, desc=what, leave=False, disable=None)
