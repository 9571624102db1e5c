"""Which convolutions int8 harms: each is quantized alone, and alpha is compared with that of the fp32 graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph
from dim_trt.graph.pictures import CalibrationPicture, network_inputs
from dim_trt.graph.precision import quantizable, to_int8
from dim_trt.graph.runtime import Session

THRESHOLD = 0.003  # mean change of alpha by all int8 layers together; a step of an 8-bit matte is 0.0039


class Comparison:
    """How much alpha of a rewritten graph differs from that of `graph`, the standard fp32 graph, on some pictures.

    in_terms: how that is quantized, as in int8_inputs.
    """

    def __init__(
        self,
        graph: gs.Graph,
        pictures: Sequence[CalibrationPicture],
        preprocessing: dict[str, Any],
        *,
        in_terms: bool = False,
    ):
        self.in_terms = in_terms
        self.inputs = network_inputs(pictures, preprocessing)
        if not any(wanted.any() for _, wanted in self.inputs):
            raise InvalidInput(
                "pictures: expected unknown pixels in some trimap, got none; there is nothing to compare"
            )
        self.fp32 = export_model(graph)
        self.reference = self._alphas(self.fp32)

    def change(self, graph: gs.Graph) -> tuple[float, float]:
        """Mean and largest change over all pictures, of what unknown pixels are made of."""
        change = np.abs(self._alphas(export_model(graph)) - self.reference)
        return float(change.mean()), float(change.max())

    def change_by_int8(self, ranges: Mapping[str, float], exclude: Collection[str] = ()) -> tuple[float, float]:
        """The same for the graph with all quantizable convolutions but `exclude` in int8."""
        graph = import_graph(self.fp32)
        return self.change(to_int8(graph, ranges, exclude, base="fp32", in_terms=self.in_terms))

    def _alphas(self, model: onnx.ModelProto) -> NDArray[np.float64]:
        """Of all pictures, one after another, what the alpha of unknown pixels is made of."""
        session, alphas = Session(model), []
        for x, wanted in self.inputs:
            alphas.append(session.run(x)[0][0, 0][wanted].astype(np.float64))
        return np.concatenate(alphas)


def sensitivity(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    preprocessing: dict[str, Any],
    ranges: Mapping[str, float],
    progress: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    comparison: Comparison | None = None,
    never: Collection[str] = (),
) -> list[dict[str, Any]]:
    """One entry for every quantizable convolution but `never`, in the order of the graph, ready for JSON.

    Each entry: "layer", "mean_change" and "max_change" of alpha over the unknown pixels of all pictures when this
    layer alone is int8. `graph` is the standard fp32 graph and stays as it is. `comparison`: of the same, if there is
    one already. never: names of convolutions that stay as they are anyway.
    """
    comparison = comparison or Comparison(graph, pictures, preprocessing)
    layers = [node.name for node in quantizable(graph, never)]
    report = []
    for layer in progress(layers):
        others = [*never, *(name for name in layers if name != layer)]
        mean, largest = comparison.change_by_int8(ranges, others)
        report.append({"layer": layer, "mean_change": mean, "max_change": largest})
    return report


def choose_excluded(report: Sequence[Mapping[str, Any]], threshold: float = THRESHOLD) -> list[str]:
    """The layers that to_int8 should leave out, the most sensitive ones, in the order of the graph.

    As many as it takes for the others together to change alpha by at most `threshold` on average. Layers err
    independently of one another, so their changes add up as the root of the sum of squares.
    """
    if not threshold >= 0:
        raise InvalidInput(f"threshold: expected a number from 0 up, got {threshold!r}")
    kept: set[str] = set()
    squares = 0.0
    for entry in sorted(report, key=lambda entry: float(entry["mean_change"])):
        squares += entry["mean_change"] ** 2
        if squares > threshold**2:
            break
        kept.add(entry["layer"])
    return [entry["layer"] for entry in report if entry["layer"] not in kept]
