"""Deep Image Matting as an inference engine: image + trimap -> alpha.

    alpha = dim_trt.estimate_alpha(img, trimap)  # with the shipped model
    dim_trt.build_plan("dim.onnx", "dim.plan")
    alpha = dim_trt.Engine("dim.plan").run(img, trimap)

`dim-trt -h` lists the commands; each is also `python -m dim_trt.<command>`.
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

try:
    from dim_trt import _core as _core
except ModuleNotFoundError as error:
    raise ImportError(
        "dim_trt._core is not built here. In the source folder run: pip install -e .   "
        "With dim_trt installed elsewhere: leave the source folder, which hides the installed package."
    ) from error
except ImportError as error:
    raise ImportError(
        f"dim_trt._core cannot be loaded: {error}. A shared library that it names comes from the system's packages "
        "(libstdc++.so.6: apt-get install libstdc++6, dnf install libstdc++); otherwise build again: pip install ."
    ) from error

from dim_trt.alpha import estimate_alpha
from dim_trt.capabilities import capabilities
from dim_trt.engine import Engine
from dim_trt.engine_options import TensorRtRun
from dim_trt.errors import BackendUnavailable, BuildError, Busy, Error, InvalidInput, PlanError
from dim_trt.gpu.arrays import GpuArray
from dim_trt.plans.builder import build_plan
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.salient import Salient
from dim_trt.streaming import stream
from dim_trt.version import __version__

__all__ = [
    "BackendUnavailable",
    "BuildError",
    "Busy",
    "Engine",
    "Error",
    "GpuArray",
    "InvalidInput",
    "PlanError",
    "Salient",
    "TensorRtOptions",
    "TensorRtRun",
    "__version__",
    "build_plan",
    "capabilities",
    "estimate_alpha",
    "stream",
]

if TYPE_CHECKING:
    from dim_trt import cluster as cluster
    from dim_trt import foreground as foreground
    from dim_trt import masks as masks
    from dim_trt import tracking as tracking
    from dim_trt import trimaps as trimaps
    from dim_trt.scoring import metrics as metrics

_LATER = {name: f"dim_trt.{name}" for name in ("cluster", "foreground", "masks", "tracking", "trimaps")} | {
    "metrics": "dim_trt.scoring.metrics"
}


def __getattr__(name: str) -> ModuleType:
    """Modules that are imported when they are first used: they bring OpenCV."""
    if name in _LATER:
        return import_module(_LATER[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
