"""What is installed here and whether the main job works: the contents of `doctor`."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from dim_trt import opencv
from dim_trt.capabilities import capabilities
from dim_trt.engine import Engine
from dim_trt.errors import Error
from dim_trt.files import cache_folder
from dim_trt.plans.builder import build_plan

LIBRARIES = ("numpy", "onnx", "onnx-graphsurgeon", "tqdm")
VARIABLES = ("DIM_TRT_ISA", "DIM_TRT_CACHE", "XDG_CACHE_HOME", "OMP_NUM_THREADS")


def manifest() -> dict[str, Any]:
    """Versions, capabilities, cache folder and the environment variables that matter."""
    able = capabilities()
    return {
        "dim_trt": able["version"],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {"opencv": opencv.description(), **{name: _version(name) for name in LIBRARIES}},
        "cpu": able["cpu"],
        "tensorrt": able["tensorrt"],
        "cuda": able["cuda"],
        "cache_folder": str(cache_folder()),
        "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
    }


def self_check() -> list[tuple[str, str | None]]:
    """(what was checked, None or what is wrong), in the order of the main job."""
    return [
        ("the shipped model becomes a plan, and its alpha is exact where known", _problem(_check_engine)),
        ("the cache folder can be written", _problem(_check_cache)),
    ]


def warnings() -> list[str]:
    """What is better mended, though the main job works."""
    return [sentence] if (sentence := opencv.problem()) else []


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except (Error, OSError) as failure:
        return str(failure)
    return None


def _check_engine() -> None:
    random = np.random.default_rng(0)
    img = random.integers(0, 256, (37, 53, 3), np.uint8)
    trimap = np.full((37, 53), 128, np.uint8)
    trimap[:, :15], trimap[:, -15:] = 0, 255
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder, "check.plan")
        build_plan(None, plan, backend="cpu")
        alpha = Engine(plan, device="cpu").run(img, trimap)
    if not ((alpha >= 0) & (alpha <= 1)).all():
        raise Error("alpha has values outside 0..1 or NaN")
    if (alpha[trimap == 0] != 0).any() or (alpha[trimap == 255] != 1).any():
        raise Error("alpha is not exactly 0 and 1 where the trimap is known")


def _check_cache() -> None:
    """Tries the nearest folder that exists; makes none."""
    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise Error(f"{str(cache_folder())!r} cannot be written; set DIM_TRT_CACHE to a folder that can")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
