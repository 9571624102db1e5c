"""The payload of a plan for TensorRT: the engine that it builds from the graph on this machine's GPU."""

from __future__ import annotations

import contextlib
import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dim_trt import _core
from dim_trt.capabilities import tensorrt_folders
from dim_trt.errors import BackendUnavailable, BuildError
from dim_trt.files import write_atomic
from dim_trt.graph.load import Source
from dim_trt.plans.tensorrt_network import make_network
from dim_trt.plans.tensorrt_options import TensorRtOptions

LOGGER = logging.getLogger("dim_trt")
TYPES = {"int8": ("int8",), "fp16": ("half", "fp16", "float16"), "fp32": ("float", "fp32")}  # in inspector texts


@dataclass
class GpuEngine:
    """payload: TensorRT's engine; header: what the plan's header says about it."""

    payload: bytes
    header: dict[str, Any] = field(default_factory=dict)


def build_engine(
    source: Source, precision: str, options: TensorRtOptions, cache_folder: Path, halo_px: int
) -> GpuEngine:
    """Build for the GPU `options.gpu`; raises BuildError, BackendUnavailable.

    halo_px: how far the network looks, for the header.
    """
    if source.preprocessing["padding"] == "none" and source.preprocessing.get("resize") is None:
        raise BuildError(
            "backend: this network wants maps that end where the picture does (padding 'none'), which the tensorrt "
            "backend does not have; build it with --backend cpu"
        )
    folders = tensorrt_folders()
    version: str = _core.tensorrt_capabilities(folders)["version"]
    gpu = _gpu(options.gpu)
    made = make_network(source, precision, options, major=int(version.split(".")[0]))
    if options.report:
        write_atomic(options.report, [made.report.encode()], what="report", error=BuildError)
    cache = Path(options.timing_cache or cache_folder / f"tensorrt-{version}-sm{gpu['sm']}.timing")
    sizes = options.network_sizes(source.preprocessing)
    with contextlib.closing(_Progress()) as progress:
        built = _core.build_engine(
            made.model.SerializeToString(), precision=precision, types=made.types,
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
        "halo_px": halo_px,
        "unpool": options.unpool,
        "optimization_level": options.optimization_level, "int8_excluded": made.excluded,
        "fp32_layers": list(made.kept),
        "convolutions": check_layers(built["layers"], precision),
    }  # fmt: skip
    return GpuEngine(built["engine"], header)


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
