"""What can be chosen when a plan is built for TensorRT."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath

Sides = tuple[int, int]  # (height, width) in pixels
LARGEST_PX = 16384
# (best, largest); TensorRT tunes for the best, and reserves memory for the largest. All begin at 1x1.
TUNINGS: dict[str, tuple[Sides, Sides]] = {
    "512": ((512, 512), (1024, 1024)),
    "720p": ((720, 1280), (1280, 1280)),
    "1080p": ((1080, 1920), (1920, 1920)),
    "4k": ((2160, 3840), (3840, 3840)),
}
UNPOOL = ("plugin", "native")


@dataclass(frozen=True)
class TensorRtOptions:
    """Choices for the tensorrt backend.

    tuned_for: "512", "720p", "1080p" or "4k": the size that the engine is fastest at, and the largest it takes.
    min_size, opt_size, max_size: (height, width) of pictures in pixels, in place of those.
    unpool: "plugin", this project's CUDA plugins, or "native", the same in TensorRT's own layers: slower, and needs
        nothing of dim_trt to run.
    workspace_mb: the most scratch memory that a layer may use; None leaves it to TensorRT.
    optimization_level: 0 (built fast) to 5 (runs fast); TensorRT's own default is 3.
    gpu: number of the GPU to build for, from 0.
    calibration: folder with pictures for int8 (see dim_trt.graph.pictures); None takes the eight that are shipped.
    threshold: int8 leaves the layers that it harms most in fp16, until all others together change alpha by no more
        than this on average (dim_trt.graph.sensitivity). Where all do not, none is left out.
    timing_cache: file with TensorRT's timings, which makes later builds faster; None keeps one in the cache folder.
    layers_json: file to write what TensorRT chose for each layer to.
    report: file to write a table of the convolutions to: the precision of each and why, and for int8 how much alpha
        changes by it alone, which takes longer.
    """

    tuned_for: str = "1080p"
    min_size: Sides | None = None
    opt_size: Sides | None = None
    max_size: Sides | None = None
    unpool: str = "plugin"
    workspace_mb: int | None = None
    optimization_level: int = 3
    gpu: int = 0
    calibration: StrPath | None = None
    threshold: float | None = None
    timing_cache: StrPath | None = None
    layers_json: StrPath | None = None
    report: StrPath | None = None

    def __post_init__(self) -> None:
        _one_of("tuned_for", self.tuned_for, TUNINGS)
        _one_of("unpool", self.unpool, UNPOOL)
        _whole("optimization_level", self.optimization_level, 0, 5)
        _whole("gpu", self.gpu, 0, 1023)
        if self.workspace_mb is not None:
            _whole("workspace_mb", self.workspace_mb, 1, 1 << 20)
        if self.threshold is not None and not self.threshold >= 0:
            raise InvalidInput(f"threshold: expected a number from 0 up, got {self.threshold!r}")
        for name, size in self.sizes().items():
            if not (isinstance(size, tuple) and len(size) == 2):
                raise InvalidInput(f"{name}_size: expected (height, width), got {size!r}")
            for side in size:
                _whole(f"{name}_size", side, 1, LARGEST_PX)
        low, best, high = self.sizes().values()
        if not _rise(low, best, high):
            swapped = "; one looks swapped: (height, width)" if _rise_turned(low, best, high) else ""
            raise InvalidInput(
                f"sizes: expected min <= opt <= max in height and width, got {low}, {best}, {high}{swapped}"
            )

    def sizes(self) -> dict[str, Sides]:
        """(height, width) of the smallest picture, the one to be best at, and the largest: "min", "opt", "max"."""
        best, largest = TUNINGS[self.tuned_for]
        return {"min": self.min_size or (1, 1), "opt": self.opt_size or best, "max": self.max_size or largest}

    def network_sizes(self, preprocessing: Mapping[str, Any]) -> dict[str, Sides]:
        """The same of what the network is fed for such pictures."""
        return {name: _core.network_size(size, json.dumps(preprocessing)) for name, size in self.sizes().items()}


def _rise(*sizes: Sides) -> bool:
    return all(
        small <= large for one, other in itertools.pairwise(sizes) for small, large in zip(one, other, strict=True)
    )


def _rise_turned(*sizes: Sides) -> bool:
    """Whether they would with height and width exchanged in one of them."""
    return any(
        _rise(*(size[::-1] if i == turned else size for i, size in enumerate(sizes))) for turned in range(len(sizes))
    )


def _one_of(name: str, value: Any, allowed: Any) -> None:
    if value not in allowed:
        raise InvalidInput(f"{name}: expected one of {', '.join(allowed)}, got {value!r}")


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInput(f"{name}: expected a whole number from {low} to {high}, got {value!r}")
