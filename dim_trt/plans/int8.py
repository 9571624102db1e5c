"""How a network is calibrated for int8, for every backend: the ranges of its maps, and the layers left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx_graphsurgeon as gs
from tqdm import tqdm

from dim_trt.files import StrPath
from dim_trt.graph.calibrate import collect_histograms, ranges_by
from dim_trt.graph.histogram import RANGES
from dim_trt.graph.load import Source
from dim_trt.graph.pictures import CalibrationPicture, read_pictures, shipped_pictures
from dim_trt.graph.sensitivity import THRESHOLD, Comparison, choose_excluded, sensitivity


@dataclass
class Int8Choice:
    """How int8 was calibrated: ranges of the tensors, by which method; the layers left out.

    changes: by method, the mean change of alpha with all layers in int8. sensitivity: of each layer alone, where that
    was measured.
    """

    ranges: Mapping[str, float]
    method: str
    changes: Mapping[str, float]
    threshold: float
    excluded: Collection[str] = ()
    sensitivity: Sequence[Mapping[str, Any]] = field(default_factory=list)


def calibration_pictures(folder: StrPath | None) -> list[CalibrationPicture]:
    """Those of a folder; None: the eight that are shipped."""
    return read_pictures(folder) if folder else shipped_pictures()


def choose_int8(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    source: Source,
    threshold: float | None = None,
    *,
    never: Collection[str] = (),
    in_terms: bool = False,
    reports: bool = False,
) -> Int8Choice:
    """The calibration that changes alpha least, and the layers to leave out of int8.

    None where all of them together change alpha by no more than the threshold (None: the usual one); one by one they
    are measured only where they change more, or where that is to be reported. never: names of convolutions that the
    backend does not compute in int8; they count as excluded. in_terms: as in graph.precision.int8_inputs.
    """
    threshold = THRESHOLD if threshold is None else threshold
    comparison = Comparison(graph, pictures, source.preprocessing, in_terms=in_terms)
    calibration = progress_bar("calibration")
    histograms = collect_histograms(graph, pictures, source.preprocessing, calibration, in_terms=in_terms)
    ranges = {method: ranges_by(method, histograms) for method in RANGES}
    changes = {
        method: comparison.change_by_int8(ranges[method], never)[0] for method in progress_bar("kind of range")(RANGES)
    }
    best = min(changes, key=changes.__getitem__)
    chosen = Int8Choice(ranges[best], best, changes, threshold, list(never))
    if changes[best] > threshold or reports:
        chosen.sensitivity = sensitivity(
            graph, pictures, source.preprocessing, chosen.ranges, progress_bar("sensitivity"), comparison, never
        )
    if changes[best] > threshold:
        chosen.excluded = [*never, *choose_excluded(chosen.sensitivity, threshold)]
    return chosen


def progress_bar(what: str) -> Callable[[Any], Any]:
    return lambda items: tqdm(items, desc=what, leave=False, disable=None)
