"""Ranges for int8: what the convolutions read when the fp32 graph runs on calibration pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs

from dim_trt.errors import BuildError
from dim_trt.graph.export import export_model
from dim_trt.graph.histogram import RANGES, Histogram
from dim_trt.graph.pictures import CalibrationPicture, network_inputs
from dim_trt.graph.precision import int8_inputs, quantizable
from dim_trt.graph.runtime import Session


def collect_ranges(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    preprocessing: dict[str, Any],
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
) -> dict[str, float]:
    """For each tensor that a quantizable convolution reads, the magnitude that should become 127.

    The one with the least mean squared error over all pictures. `graph` is the standard fp32 graph and stays as it is.
    """
    return ranges_by("squared error", collect_histograms(graph, pictures, preprocessing, progress))


def ranges_by(method: str, histograms: Mapping[str, Histogram]) -> dict[str, float]:
    """By one of histogram.RANGES."""
    return {name: RANGES[method](histogram) for name, histogram in histograms.items()}


def collect_histograms(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    preprocessing: dict[str, Any],
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    *,
    in_terms: bool = False,
) -> dict[str, Histogram]:
    """Of each tensor that is quantized for a convolution, as int8_inputs has them.

    The terms of a sum share one: in steps of the same size whole numbers can be added. `graph` is the standard fp32
    graph and stays as it is.
    """
    histograms: dict[str, Histogram] = {}
    for node in quantizable(graph):
        histogram = Histogram()
        for reader, i in int8_inputs(node, in_terms):
            histograms.setdefault(reader.inputs[i].name, histogram)
    names = sorted(histograms)
    session = Session(_with_outputs(export_model(graph), names))
    for x, _ in progress(network_inputs(pictures, preprocessing)):
        for name, values in zip(names, session.run(x, names), strict=True):
            if not np.isfinite(values).all():
                raise BuildError(f"onnx: {name!r} is not finite on a calibration picture; the weights are not usable")
            histograms[name].add(values)
    return histograms


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """The model with these tensors as further outputs; ONNX Runtime finds their types itself."""
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return model
