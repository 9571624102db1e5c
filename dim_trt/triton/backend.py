"""What models of Triton's Python backend have in common: tensors in, tensors or a sentence out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.errors import Error

F32 = NDArray[np.float32]
READ: Mapping[str, Callable[[str], Any]] = {
    "threads": int,
    "memory_limit_mb": int,
    "max_pixels": int,
    "orientations": int,
    "closed_form": lambda text: text == "True",
    "color": str,
}


def options_of(args: Mapping[str, str]) -> dict[str, Any]:
    """Of the model's configuration, as `repository` wrote them; `args`: what Triton gives to `initialize`."""
    config = json.loads(args["model_config"])
    given = {key: entry["string_value"] for key, entry in config.get("parameters", {}).items()}
    return {key: READ[key](value) for key, value in given.items() if key in READ}


def arrays_of(request: Any, *names: str) -> list[NDArray[Any]]:
    """By DLPack: servers whose backend was built for numpy 1 hand out zeros under numpy 2 without a word."""
    return [np.from_dlpack(pb_utils.get_input_tensor_by_name(request, name)) for name in names]


def response(name: str, work: Callable[[], F32]) -> Any:
    """With the tensor that `work` returns, or the sentence of the Error that it raises."""
    try:
        tensor = work()
    except (Error, MemoryError) as failure:
        reason = str(failure) or "not enough memory for a picture of this size"
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(reason, pb_utils.TritonError.INVALID_ARG))
    return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor.from_dlpack(name, _lent(tensor))])


def _lent(tensor: F32) -> object:
    """By DLPack; numpy's own capsule complains of the name that Triton gives it once it is used."""
    float32, cpu = (2, 32), (1, 0)
    return _core.dlpack_export(
        tensor, tensor.ctypes.data, tensor.shape, tensor.strides, dtype=float32, device=cpu, versioned=False
    )
