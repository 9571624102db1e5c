"""What this machine and this build can do, and why not the rest."""

from __future__ import annotations

import importlib.util
import logging
import re
from pathlib import Path
from typing import Any

from dim_trt import _core
from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.version import __version__

LOGGER = logging.getLogger("dim_trt")
BACKENDS = ("auto", "cpu", "tensorrt")
PIP_PACKAGES = ("tensorrt_libs", "tensorrt", "tensorrt_lean_libs")  # those that hold libnvinfer, of all versions


def tensorrt_folders() -> list[str]:
    """Where pip puts TensorRT's libraries; the packages themselves are not imported."""
    folders = []
    for package in PIP_PACKAGES:
        spec = importlib.util.find_spec(package)
        folders += [str(Path(folder)) for folder in (spec.submodule_search_locations or [] if spec else [])]
    return folders


def tensorrt_reason(*, to_build: bool = False) -> str:
    """Why the tensorrt backend cannot run plans here, or with `to_build` not build them; empty where it can."""
    found = _core.tensorrt_capabilities(tensorrt_folders())
    reasons = [found["problem"], found["parser_problem"] if to_build else ""]
    return "; ".join(filter(None, reasons))


def resolve_backend(backend: str) -> str:
    """The backend that a plan is built for here: the argument, or the choice of "auto", which is logged; why it is not
    the other one is what `capabilities` says."""
    if backend not in BACKENDS:
        raise InvalidInput(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    if backend == "cpu":
        return backend
    reason = tensorrt_reason(to_build=True)
    if backend == "tensorrt" and reason:
        raise BackendUnavailable(f"backend='tensorrt': {reason}; or use backend='cpu', or 'auto' to take what there is")
    chosen = "cpu" if reason else "tensorrt"
    if backend == "auto":
        LOGGER.info("backend auto: %s", chosen)
    return chosen


def resolve_device(device: str) -> tuple[str, int]:
    """The backend that `device` insists on ("" for "auto": that of the plan), and the number of the GPU."""
    if device in ("auto", "cpu"):
        return device.replace("auto", ""), 0
    if not isinstance(device, str) or not (found := re.fullmatch(r"cuda(?::(\d+))?", device)):
        raise InvalidInput(f"device: expected 'auto', 'cpu', 'cuda' or 'cuda:N', got {device!r}")
    if reason := tensorrt_reason():
        raise BackendUnavailable(f"device={device!r}: {reason}; or use device='cpu', or 'auto' to take what there is")
    number, count = int(found[1] or 0), len(_core.gpus()["devices"])
    if number >= count:
        raise BackendUnavailable(
            f"device={device!r}: this machine has {count} GPUs, numbered from 0; choose one of them"
        )
    return "tensorrt", number


def capabilities() -> dict[str, Any]:
    """What this machine can do.

    Returns:
        version: of dim_trt.
        cpu: {"available", "isa", "available_isas", "threads"}, the instruction sets that the kernels can use.
        tensorrt: {"available", "reason", "version", "path", "parser", "parser_problem", "modules"}: the TensorRT that
            was found with its ONNX parser, and the versions that this build was made for; the reason says what is
            missing and how to get it, parser_problem why plans cannot be built though they may run.
        cuda: {"available", "reason", "devices", "driver_cuda"}: GPUs with name, compute capability ("sm") and memory,
            and the newest CUDA that the driver runs.
    """
    tensorrt, cuda = _core.tensorrt_capabilities(tensorrt_folders()), _core.gpus()
    return {
        "version": __version__,
        "cpu": {"available": True, **_core.cpu_capabilities()},
        "tensorrt": _with_reason(tensorrt),
        "cuda": _with_reason(cuda),
    }


def _with_reason(found: dict[str, Any]) -> dict[str, Any]:
    return {"available": found.pop("available"), "reason": found.pop("problem"), **found}
