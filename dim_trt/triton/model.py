"""What Triton's Python backend runs: an engine for each instance of the model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.engine import Engine
from dim_trt.errors import Error
from dim_trt.triton.repository import PLAN

INPUTS = ("image", "trimap")
READ: Mapping[str, Callable[[str], Any]] = {
    "threads": int,
    "memory_limit_mb": int,
    "max_pixels": int,
    "orientations": int,
    "closed_form": lambda text: text == "True",
    "color": str,
}


def lent(alpha: NDArray[np.float32]) -> object:
    """By DLPack; numpy's own capsule complains of the name that Triton gives it once it is used."""
    float32, cpu = (2, 32), (1, 0)
    return _core.dlpack_export(
        alpha, alpha.ctypes.data, alpha.shape, alpha.strides, dtype=float32, device=cpu, versioned=False
    )


class TritonPythonModel:
    """By the name that the backend looks for."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """`args`: of Triton, strings: the configuration as JSON, the model's folder, the instance's device."""
        config = json.loads(args["model_config"])
        given = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
        options = {key: READ[key](value) for key, value in given.items() if key in READ}
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        plan = Path(args["model_repository"], args["model_version"], PLAN)
        try:
            self._engine = Engine(plan, device, **options)
        except Error as failure:
            raise pb_utils.TritonModelException(str(failure)) from failure

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request; one that cannot be answered is refused in a sentence."""
        return [self._response(request) for request in requests]

    def _response(self, request: Any) -> Any:
        # By DLPack: servers whose backend was built for numpy 1 hand out zeros under numpy 2 without a word.
        image, trimap = (np.from_dlpack(pb_utils.get_input_tensor_by_name(request, name)) for name in INPUTS)
        try:
            alpha = self._engine.run(image.view(np.uint8), trimap.view(np.uint8))
        except (Error, MemoryError) as failure:
            reason = str(failure) or "not enough memory for a picture of this size"
            return pb_utils.InferenceResponse(error=pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG))
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor.from_dlpack("alpha", lent(alpha))])

    def finalize(self) -> None:
        """Waits for what runs."""
        self._engine.close()
