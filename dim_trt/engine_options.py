"""Engine's options and what calls have in common, checked before anything is loaded or run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dim_trt import _core
from dim_trt.arrays import LABELS_BELOW
from dim_trt.capabilities import resolve_device, tensorrt_folders
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.gpu.views import is_on_gpu
from dim_trt.plans.builder import NAMES
from dim_trt.plans.cache import shipped_plan
from dim_trt.resources import working_memory_mb

Window: TypeAlias = tuple[int, int, int, int]  # top, left, height, width
ORIENTATIONS = (1, 2, 8)  # the picture, its mirror image, and both turned by quarters


_DEFAULTS = _core.TensorRtOptions()


@dataclass(frozen=True)
class TensorRtRun:
    """How an engine runs plans of the tensorrt backend.

    crop: run only the part of a picture that the unknown pixels need, which changes nothing in alpha; False runs
        whole pictures, always at the same speed. With `run(..., stream=...)` pictures are always run whole.
    cuda_graphs: record the GPU's work once per size and replay it, which takes less of the CPU.
    """

    crop: bool = _DEFAULTS.crop
    cuda_graphs: bool = _DEFAULTS.cuda_graphs

    def __post_init__(self) -> None:
        for name in ("crop", "cuda_graphs"):
            flag(name, getattr(self, name))


def core_options(
    *,
    device: str,
    threads: int | None,
    color: str,
    max_concurrent: int | None = None,
    memory_limit_mb: int | None = None,
    max_pixels: int | None = None,
    orientations: int = 1,
    closed_form: bool = False,
    tensorrt: TensorRtRun | None = None,
) -> _core.EngineOptions:
    """Engine's arguments, checked, as the core takes them; what is not given is the core's default."""
    options, runs = _core.EngineOptions(), count("max_concurrent", max_concurrent, "the backend's own choice")
    options.backend, options.tensorrt.gpu = resolve_device(device)
    options.rgb = channel_order(color) == "rgb"
    options.orientations = orientation_count(orientations)
    options.closed_form = flag("closed_form", closed_form)
    limit_mb = count("memory_limit_mb", memory_limit_mb, "the default", least=0)
    options.limits.memory_bytes = (working_memory_mb(runs or 1) if memory_limit_mb is None else limit_mb) << 20
    options.limits.at_least_a_tile = memory_limit_mb is None
    options.limits.pixels = count("max_pixels", max_pixels, "any number", most=2**62)
    options.cpu.threads = count("threads", threads, "all cores")
    chosen = tensorrt_run(tensorrt)
    options.tensorrt.crop, options.tensorrt.cuda_graphs = chosen.crop, chosen.cuda_graphs
    options.tensorrt.max_concurrent = runs or options.tensorrt.max_concurrent
    options.tensorrt.folders = tensorrt_folders()
    return options


def check_no_stream(stream: Any) -> None:
    if stream is not None:
        raise InvalidInput("stream: expected None for arrays in host memory; leave it out, or pass arrays on a GPU")


def check_no_window(window: Any) -> None:
    if window is not None:
        raise InvalidInput("window: expected None for arrays in GPU memory; leave it out, or pass arrays in the host's")


def checked_window(window: Any) -> Window | None:
    """As the core takes it, which says whether it is a part of the picture."""
    if window is None:
        return None
    sides = window if isinstance(window, (tuple, list)) else ()
    if len(sides) != 4 or not all(isinstance(side, (int, np.integer)) and 0 <= side < 2**31 for side in sides):
        raise InvalidInput(f"window: expected (top, left, height, width) in pixels, or None, got {window!r}")
    top, left, height, width = (int(side) for side in sides)
    return top, left, height, width


def check_timeout(timeout: Any) -> None:
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if timeout is not None and not (is_number and timeout >= 0):  # false for NaN
        raise InvalidInput(f"timeout: expected a number of seconds from 0, or None to wait, got {timeout!r}")


def plan_path(plan: StrPath, device: str) -> str:
    """Its path; that of a shipped model's plan for the device, which is built if need be, for its name."""
    if isinstance(plan, str) and plan in NAMES and not os.path.exists(plan):  # noqa: PTH110
        return str(shipped_plan(device=device, model=plan))
    if not isinstance(plan, (str, os.PathLike)):
        raise InvalidInput(f"plan: expected a path, got {type(plan).__name__}")
    path = os.fspath(plan)
    if not isinstance(path, str) or "\0" in path:
        raise InvalidInput(f"plan: expected a path of text without NUL, got {path!r}")
    return path


def channel_order(color: str) -> str:
    if color not in ("bgr", "rgb"):
        raise InvalidInput(f"color: expected 'bgr' or 'rgb', got {color!r}")
    return color


def check_trimap(trimap: object) -> None:
    """Raise InvalidInput where a trimap in host memory holds labels."""
    if isinstance(trimap, np.ndarray) and trimap.dtype == np.uint8 and trimap.size and 0 < trimap.max() < LABELS_BELOW:
        from dim_trt.trimaps import GivenTrimap  # with OpenCV, which engines do without

        GivenTrimap().trimap(trimap)


def count(name: str, value: int | None, none_is: str, *, least: int = 1, most: int = 2**31 - 1) -> int:
    """As the core counts them: 0 for None."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidInput(f"{name}: expected a whole number from {least}, or None for {none_is}, got {value!r}")
    return min(value, 2**31 - 1)  # the core says what is too many


def flag(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"{name}: expected True or False, got {value!r}")
    return value


def orientation_count(orientations: int) -> int:
    if isinstance(orientations, bool) or not isinstance(orientations, int) or orientations not in ORIENTATIONS:
        raise InvalidInput(f"orientations: expected 1, 2 or 8, got {orientations!r}")
    return orientations


def tensorrt_run(tensorrt: TensorRtRun | None) -> TensorRtRun:
    if tensorrt is not None and not isinstance(tensorrt, TensorRtRun):
        raise InvalidInput(f"tensorrt: expected a TensorRtRun or None, got {type(tensorrt).__name__}")
    return tensorrt or TensorRtRun()


def check_backend(
    backend: str,
    *,
    threads: int | None,
    tensorrt: TensorRtRun | None = None,
    memory_limit_mb: int | None = None,
) -> None:
    """No argument is accepted and ignored."""
    of_the_other: dict[str, object] = {"threads": threads, "memory_limit_mb": memory_limit_mb}
    if backend == "cpu":
        of_the_other = {"tensorrt": tensorrt}
    for name, value in of_the_other.items():
        if value is not None:
            raise InvalidInput(f"{name}: expected None, as the plan is one of the {backend} backend; leave it out")


def uses_gpu_arrays(device: str, **arrays: Any) -> bool:
    """Whether a call's arrays are in GPU memory; raises InvalidInput where the engine's device is the CPU."""
    on_gpu = [name for name, array in arrays.items() if is_on_gpu(array)]
    if on_gpu and device == "cpu":
        raise InvalidInput(
            f"{on_gpu[0]}: expected a numpy array, as this engine runs on the CPU, got an array in GPU memory; "
            "copy it to the host, or build a plan with python -m dim_trt.build --backend tensorrt"
        )
    return bool(on_gpu)
