"""Deep Image Matting as an inference engine: image + trimap -> alpha.

    dim_trt.build_plan("dim.onnx", "dim.plan")
    alpha = dim_trt.Engine("dim.plan").run(img, trimap)

`dim-trt -h` lists the commands; each is also `python -m dim_trt.<command>`.
"""

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

from dim_trt.capabilities import capabilities
from dim_trt.engine import Engine
from dim_trt.engine_options import TensorRtRun
from dim_trt.errors import BackendUnavailable, BuildError, Error, InvalidInput, PlanError
from dim_trt.gpu.arrays import GpuArray
from dim_trt.plans.builder import build_plan
from dim_trt.plans.tensorrt_options import TensorRtOptions
from dim_trt.streaming import stream
from dim_trt.version import __version__

__all__ = [
    "BackendUnavailable",
    "BuildError",
    "Engine",
    "Error",
    "GpuArray",
    "InvalidInput",
    "PlanError",
    "TensorRtOptions",
    "TensorRtRun",
    "__version__",
    "build_plan",
    "capabilities",
    "stream",
]
