"""For tests on a GPU: why there is none, what a precision may change, plans that are built once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import dim_trt
from dim_trt import TensorRtOptions
from tests.support.networks import alpha_of, input_tensor, random_network, random_picture
from tests.support.seeds import SeedCase, seed_of
from training.export import export_onnx
from training.model import DeepImageMatting, ModelConfig

SHIPPED = "lite"  # trained weights: where precisions are compared
MIN_TIE_MARGIN = 3e-6  # TensorRT adds up in other orders than PyTorch
CONFIGS = {
    "plain": ModelConfig(width=1 / 8),
    "skip": ModelConfig(width=1 / 8, skip=True),
    "odd channels": ModelConfig(width=0.11, refine=False, output="clip"),
}
OPT, MAX = (128, 160), (384, 416)
SIZES = [(61, 97), (33, 57), (96, 64), (7, 301), (1, 1), (259, 181)]
ONE_SIZE = (131, 203)
NEAR_MAX = (MAX[0] - 5, MAX[1] - 11)


@dataclass(frozen=True)
class Tolerance:
    """How far alpha may be from fp32, on unknown pixels. max_abs: None where an argmax may move a value by a pixel."""

    backend: str
    precision: str
    max_abs: float | None
    mean_abs: float
    sad_change: float  # of the sum of absolute differences from the truth


TOLERANCES = [
    Tolerance("tensorrt", "fp32", 1e-4, 1e-5, 1e-4),
    Tolerance("tensorrt", "fp16", None, 0.003, 0.01),
    Tolerance("tensorrt", "int8", None, 0.03, 0.05),
]


def missing() -> str:
    """Why plans for TensorRT cannot be built and run here; empty where they can."""
    reason: str = dim_trt.capabilities()["tensorrt"]["reason"]
    return reason


def seed_case(name: str, height: int, width: int) -> SeedCase:
    def attempt(seed: int) -> tuple[DeepImageMatting, list[Tensor]]:
        return random_network(CONFIGS[name], 0), [input_tensor(*random_picture(seed, height, width))]

    return SeedCase(f"gpu {name} {height}x{width}", MIN_TIE_MARGIN, attempt)


SEED_CASES = [
    *(seed_case(name, *size) for name in CONFIGS for size in (*SIZES, ONE_SIZE)),
    seed_case("skip", *NEAR_MAX),
]


def clear_picture(name: str, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One on which no argmax of the network, one of CONFIGS, hangs on rounding."""
    return random_picture(seed_of(f"gpu {name} {height}x{width}"), height, width)


class Plans:
    """Builds each plan once; those of random networks come with their PyTorch module."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.models: dict[str, DeepImageMatting] = {}

    def model(self, name: str) -> DeepImageMatting:
        if name not in self.models:
            self.models[name] = random_network(CONFIGS[name], 0)
            export_onnx(self.models[name], self.folder / f"{name}.onnx")
        return self.models[name]

    def plan(self, name: str, precision: str = "fp32", unpool: str = "plugin", **options: Any) -> Path:
        """`name`: SHIPPED, or one of CONFIGS."""
        changed = "".join(f" {key}={value}" for key, value in sorted(options.items()))
        path = self.folder / f"{name} {precision} {unpool}{changed}.plan"
        if not path.exists():
            if name != SHIPPED:
                self.model(name)
            sizes = {"opt_size": OPT, "max_size": MAX, "optimization_level": 2, **options}
            chosen = TensorRtOptions(unpool=unpool, timing_cache=self.folder / "timings", **sizes)
            source = None if name == SHIPPED else self.folder / f"{name}.onnx"
            dim_trt.build_plan(source, path, precision=precision, backend="tensorrt", tensorrt=chosen)
        return path

    def reference(self) -> Path:
        """The shipped network at fp32 on the CPU, which agrees with PyTorch to 1e-4."""
        path = self.folder / "reference.plan"
        if not path.exists():
            dim_trt.build_plan(None, path, backend="cpu")
        return path

    def expected(self, name: str, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float64]:
        return alpha_of(self.model(name), img, trimap)
