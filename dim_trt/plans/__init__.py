"""Plans: the file that `Engine` loads; made from dim.onnx, read, cached.

In: a dim.onnx (or the name of a shipped model), a precision, a backend. Out: a file that opens with a header, which
everything about the plan can be read from, and goes on with what the backend runs. Read `builder` first: it takes the
steps in order, by way of `dim_trt.graph`. `header` writes the file, `tensorrt` has a GPU compile its payload, `cache`
keeps plans of the shipped model from one command to the next.
"""

from dim_trt.plans.builder import build_plan
from dim_trt.plans.tensorrt_options import TensorRtOptions

__all__ = ["TensorRtOptions", "build_plan"]
