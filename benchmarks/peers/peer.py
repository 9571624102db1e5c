"""A method of matting to the benchmarks: what it needs, what it makes of the network, how it is loaded and run."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import processor_features
from dim_trt.pictures.files import read_image, write_image
from dim_trt.pictures.picture import quantize_alpha
from dim_trt.trimaps import read_trimap
from training.data.preprocess import network_input as network_planes

U8 = NDArray[np.uint8]
Alpha = NDArray[np.float32]

BF16_FEATURES = {"avx512_bf16", "amx_bf16", "bf16"}  # the last is Arm's
VNNI_FEATURES = {"avx512_vnni", "avx_vnni", "asimddp"}


class Files(NamedTuple):
    """One network in the forms that the methods load. `folder`: what they have made of it themselves."""

    onnx: Path
    checkpoint: Path
    plan: Path
    folder: Path


@dataclass(frozen=True)
class Contender:
    """alpha = finish(compute(prepare(img, trimap)), trimap), of an RGB image; `compute` is the bare method.

    `compute_ms`, where it is not None, gives the milliseconds of the bare network instead, which `compute` has more of.
    """

    name: str
    prepare: Callable[[U8, U8], Any]
    compute: Callable[[Any], Any]
    finish: Callable[[Any, U8], Alpha]
    compute_ms: Callable[[Any], float] | None = None

    def run(self, img: U8, trimap: U8) -> Alpha:
        return self.finish(self.compute(self.prepare(img, trimap)), trimap)

    def clocks(self, image: Path, trimap_file: Path, output: Path) -> dict[str, float]:
        """Once from file to file; milliseconds of the bare network, of the run and of all, each within the next."""
        began = time.perf_counter()
        img, trimap = np.ascontiguousarray(read_image(image)[:, :, ::-1]), read_trimap(trimap_file)
        read = time.perf_counter()
        given = self.prepare(img, trimap)
        prepared = time.perf_counter()
        result = self.compute(given)
        computed = time.perf_counter()
        alpha = self.finish(result, trimap)
        finished = time.perf_counter()
        write_image(output, quantize_alpha(alpha, 8))
        written = time.perf_counter()
        network_ms = 1e3 * (computed - prepared) if self.compute_ms is None else self.compute_ms(given)
        return {"network": network_ms, "run": 1e3 * (finished - read), "files": 1e3 * (written - began)}


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A method by name.

    package: whose version the records name, as `importlib.metadata` knows it.
    precision: of its arithmetic; None leaves it to the plan.
    why_not: what is missing on this machine to load it, in a sentence, or None.
    load: with so many threads; opens the packages that it needs and no other.
    prepare: makes what `load` opens beside the files that all share, once for a network.
    is_network: whether it computes the network; else it mattes without one.
    exact: whether alpha is the network's, up to rounding in `precision`; else it is made of that.
    """

    name: str
    title: str
    package: str
    precision: str | None
    why_not: Callable[[], str | None]
    load: Callable[[Files, int], Contender]
    prepare: Callable[[Files], None] | None = None
    is_network: bool = True
    exact: bool = True


def missing(*packages: str) -> str | None:
    """The first of these packages that is not installed, in a sentence."""
    return next((f"{name} is not installed" for name in packages if importlib.util.find_spec(name) is None), None)


def without_bf16() -> str | None:
    """Why bf16 is slower than fp32 here, in a sentence; None where the processor computes in it."""
    return None if BF16_FEATURES & processor_features() else "this processor does not compute in bf16"


def has_vnni() -> bool:
    """Whether products of bytes are summed in 32 bits at once."""
    return bool(VNNI_FEATURES & processor_features())


def network_input(img: U8, trimap: U8) -> NDArray[np.float32]:
    """[1, 4, H, W], padded."""
    return network_planes(img, trimap)[None]


def known(alpha: NDArray[Any], trimap: U8) -> Alpha:
    """Exact where the trimap is known, as the engine's; in 0..1, which a sigmoid of floats may pass by a last bit."""
    return np.where(trimap == 0, 0, np.where(trimap == 255, 1, np.clip(alpha, 0, 1))).astype(np.float32)


def cropped(planes: NDArray[np.float32], trimap: U8) -> Alpha:
    """Of the network's answer [1, 1, H, W]."""
    height, width = trimap.shape
    return known(planes[0, 0, :height, :width], trimap)
