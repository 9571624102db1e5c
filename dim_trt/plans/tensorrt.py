"""The payload of a plan for TensorRT: the engine that it builds from the graph on this machine's GPU."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_graphsurgeon as gs
from tqdm import tqdm

from dim_trt import _core
from dim_trt.capabilities import tensorrt_folders
from dim_trt.errors import BackendUnavailable, BuildError
from dim_trt.files import write_atomic
from dim_trt.graph.calibrate import collect_ranges
from dim_trt.graph.halo import halo_px
from dim_trt.graph.load import Source
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.pictures import CalibrationPicture, read_pictures, shipped_pictures
from dim_trt.graph.precision import to_fp16, to_int8
from dim_trt.graph.sensitivity import THRESHOLD, Comparison, choose_excluded, sensitivity
from dim_trt.graph.tensorrt import tensor_types, to_native_model, to_plugin_model
from dim_trt.graph.translate import translate
from dim_trt.plans.tensorrt_options import TensorRtOptions

LOGGER = logging.getLogger("dim_trt")
FIRST_TYPED_VERSION = 10  # before, int8 networks are float32 around their int8 parts, and types are told apart
TYPES = {"int8": ("int8",), "fp16": ("half", "fp16", "float16"), "fp32": ("float", "fp32")}  # in inspector texts


@dataclass
class GpuEngine:
    """payload: TensorRT's engine; header: what the plan's header says about it."""

    payload: bytes
    header: dict[str, Any] = field(default_factory=dict)


def build_engine(source: Source, precision: str, options: TensorRtOptions, cache_folder: Path) -> GpuEngine:
    """Build for the GPU `options.gpu`; raises BuildError, BackendUnavailable."""
    if source.preprocessing["padding"] == "none" and source.preprocessing.get("resize") is None:
        raise BuildError(
            "backend: this network wants maps that end where the picture does (padding 'none'), which the tensorrt "
            "backend does not have; build it with --backend cpu"
        )
    folders = tensorrt_folders()
    version: str = _core.tensorrt_capabilities(folders)["version"]
    gpu = _gpu(options.gpu)
    model, types, excluded = network(source, precision, options, major=int(version.split(".")[0]))
    cache = Path(options.timing_cache or cache_folder / f"tensorrt-{version}-sm{gpu['sm']}.timing")
    sizes = options.padded_sizes(source.preprocessing.get("resize"))
    with contextlib.closing(_Progress()) as progress:
        built = _core.build_engine(
            model.SerializeToString(), precision=precision, types=types,
            min=sizes["min"], opt=sizes["opt"], max=sizes["max"],
            workspace_bytes=(options.workspace_mb or 0) << 20, optimization_level=options.optimization_level,
            gpu=options.gpu, timing_cache=cache.read_bytes() if cache.is_file() else b"", progress=progress.step,
            folders=folders,
        )  # fmt: skip
    _keep_timings(cache, built["timing_cache"])
    if options.layers_json:
        write_atomic(options.layers_json, [built["layers"].encode()], what="layers", error=BuildError)
    header = {
        "version": version, "gpu": gpu["name"], "sm": gpu["sm"], "driver_cuda": _core.gpus()["driver_cuda"],
        "halo_px": halo_px(import_graph(source.proto)), "unpool": options.unpool,
        "optimization_level": options.optimization_level, "int8_excluded": excluded,
        "convolutions": check_layers(built["layers"], precision),
    }  # fmt: skip
    return GpuEngine(built["engine"], header)


def network(
    source: Source, precision: str, options: TensorRtOptions, major: int
) -> tuple[onnx.ModelProto, dict[str, str], list[str]]:
    """The ONNX that TensorRT `major` parses, the types that it is told beside it, and the layers that int8 left alone."""
    translate(lower(import_graph(source.proto)))  # refuses what is no Deep Image Matting network, and names the node
    graph, excluded = import_graph(source.proto), []
    if precision == "fp16":
        graph = to_fp16(graph)
    elif precision == "int8":
        pictures = read_pictures(options.calibration) if options.calibration else shipped_pictures()
        ranges = collect_ranges(graph, pictures, source.preprocessing, _bar("calibration"))
        excluded = choose_int8(graph, pictures, source, ranges, options)
        base = "fp16" if major >= FIRST_TYPED_VERSION else "fp32"
        graph = to_int8(import_graph(source.proto), ranges, excluded, base=base)
    finish = to_plugin_model if options.unpool == "plugin" else to_native_model
    model = finish(lower(graph))
    if major >= FIRST_TYPED_VERSION or precision == "fp32":
        return model, {}, excluded
    typed = model if precision == "fp16" else finish(lower(to_fp16(import_graph(source.proto))))
    return model, tensor_types(typed), excluded


def choose_int8(
    graph: gs.Graph,
    pictures: Sequence[CalibrationPicture],
    source: Source,
    ranges: Mapping[str, float],
    options: TensorRtOptions,
) -> list[str]:
    """The layers to leave out of int8: none where all of them together change alpha by no more than the threshold."""
    threshold = THRESHOLD if options.threshold is None else options.threshold
    change, _ = Comparison(graph, pictures, source.preprocessing).change_by_int8(ranges)
    if change <= threshold:
        return []
    return choose_excluded(sensitivity(graph, pictures, source.preprocessing, ranges, _bar("sensitivity")), threshold)


def check_layers(layers: str, precision: str) -> dict[str, int]:
    """How many convolutions of the engine compute in each type; raises BuildError where none is what was asked for.

    `layers` is the JSON of TensorRT's engine inspector. An engine without the precision that was asked for is the
    worst kind of success: it runs, several times slower. Of int8 some layers may be left out on purpose. What cannot be
    read is a warning, for the engine took minutes to build.
    """
    found = Counter(_type_of(layer) for layer in _listed(layers) if _is_convolution(layer))
    found.pop("", None)
    counts = ", ".join(f"{count} in {kind}" for kind, count in found.items())
    if not found:
        LOGGER.warning("TensorRT does not say in which precision its convolutions compute")
    elif not found[precision]:
        raise BuildError(
            f"precision={precision!r}: TensorRT built its convolutions otherwise ({counts}): this version does not "
            "honour the precision of this network"
        )
    elif found[precision] * 2 < found.total():
        LOGGER.warning("precision %s: most convolutions compute otherwise (%s)", precision, counts)
    return dict(found)


def _listed(layers: str) -> list[Any]:
    try:
        listed = json.loads(layers)["Layers"]
    except (ValueError, KeyError, TypeError):
        return []
    return listed if isinstance(listed, list) else []


def _is_convolution(layer: Any) -> bool:
    """One that says so itself: not what stands before or after it, nor several layers fused to one of another kind."""
    return isinstance(layer, dict) and "conv" in str(layer.get("LayerType", "")).lower()


def _type_of(layer: dict[str, Any]) -> str:
    """The type of a layer's first input, as a precision; "" if the text is of no known type."""
    inputs = layer.get("Inputs")
    first = inputs[0] if isinstance(inputs, list) and inputs else None
    text = str(first.get("Format/Datatype", "") if isinstance(first, dict) else "").lower()
    return next((precision for precision, words in TYPES.items() if any(word in text for word in words)), "")


def _gpu(number: int) -> dict[str, Any]:
    devices: list[dict[str, Any]] = _core.gpus()["devices"]
    if number >= len(devices):
        raise BackendUnavailable(f"gpu: this machine has {len(devices)}, numbered from 0; got {number}")
    return devices[number]


def _keep_timings(path: Path, timings: bytes) -> None:
    """Losing them costs time only, so a failure is a warning."""
    if timings:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomic(path, [timings], what="timing cache", error=BuildError)
        except (BuildError, OSError) as failure:
            LOGGER.warning("TensorRT's timings are not kept: %s", failure)


def _bar(what: str) -> Callable[[Any], Any]:
    return lambda items: tqdm(items, desc=what, leave=False, disable=None)


class _Progress:
    """A bar for each phase of TensorRT's build, where somebody looks."""

    def __init__(self) -> None:
        self.bars: dict[str, tqdm[Any]] = {}

    def close(self) -> None:
        for bar in self.bars.values():
            bar.close()

    def step(self, phase: str, step: int, steps: int) -> bool:
        """As TensorRT reports: step 0 of `steps` begins a phase, step -1 ends it. True: go on."""
        if step < 0:
            if phase in self.bars:
                self.bars.pop(phase).close()
        elif phase not in self.bars:
            self.bars[phase] = tqdm(total=steps or None, desc=phase, leave=False, disable=None)
        else:
            self.bars[phase].n = step
            self.bars[phase].refresh()
        return True
