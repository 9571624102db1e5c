"""Plans of the shipped models, built once and kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from dim_trt import _core
from dim_trt.capabilities import resolve_backend, resolve_device, tensorrt_folders
from dim_trt.errors import BuildError, Error, PlanError
from dim_trt.files import cache_folder
from dim_trt.plans.builder import SALIENT, SHIPPED, build_plan, onnx_file
from dim_trt.plans.header import FORMAT_VERSION
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.precisions import check_precision
from dim_trt.version import __version__

REMEDY = "set DIM_TRT_CACHE to a folder that can be written, or give a plan with --plan"
LOGGER = logging.getLogger("dim_trt")


def shipped_plan(precision: str = "fp32", device: str = "auto", model: str = SHIPPED) -> Path:
    """The plan of a shipped model for a device; built if it is not in the cache or the cached file is damaged."""
    check_precision(precision)
    wanted, gpu = resolve_device(device)
    backend = "cpu" if model == SALIENT else resolve_backend(wanted or "auto")  # all that runs its task
    with onnx_file(model) as path:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    name = f"{model}-{__version__}-format{FORMAT_VERSION}-{digest}-{precision}-{backend}"
    options = None
    if backend == "tensorrt":
        options = TensorRtOptions(gpu=gpu)
        version = _core.tensorrt_capabilities(tensorrt_folders())["version"]
        name += f"-{version}-sm{_core.gpus()['devices'][gpu]['sm']}"
    plan = _existing(cache_folder()) / f"{name}.plan"
    if plan.exists():
        try:
            _core.read_plan_header(str(plan))
            return plan
        except PlanError as failure:
            LOGGER.warning("cached plan is damaged and built again (%s)", failure)
    level = logging.WARNING if backend == "tensorrt" else logging.INFO  # the one takes minutes, the other no second
    LOGGER.log(level, "building the %s plan of the shipped model %r once: %s", precision, model, plan)
    try:
        build_plan(model, plan, precision=precision, backend=backend, tensorrt=options)
    except BuildError as failure:
        if not isinstance(failure.__cause__, OSError):
            raise
        raise Error(f"{failure}; {REMEDY}") from failure
    return plan


def _existing(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as failure:
        raise Error(f"cannot make the cache folder {str(folder)!r}: {failure.strerror}; {REMEDY}") from failure
    return folder
