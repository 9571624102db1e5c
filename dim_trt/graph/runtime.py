"""ONNX Runtime, which int8 is calibrated with: an optional dependency, and not needed to run a plan."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from dim_trt.errors import BuildError


def is_installed() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None


class Session:
    """An ONNX model on ONNX Runtime's CPU provider. QuantizeLinear and DequantizeLinear are done one by one."""

    def __init__(self, model: onnx.ModelProto):
        try:
            import onnxruntime  # type: ignore[import-untyped]
        except ImportError as failure:
            raise BuildError("int8 for tensorrt needs onnxruntime: pip install onnxruntime") from failure
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; its remarks on the graph are for its developers
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # others work on this machine too
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as failure:  # its exceptions have no public base class
            raise BuildError(f"onnx: ONNX Runtime cannot load the graph: {str(failure).splitlines()[0]}") from failure
        self._input = self._session.get_inputs()[0].name

    def run(self, x: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[Any]]:
        """The named outputs, or all, for one network input."""
        try:
            results: list[NDArray[Any]] = self._session.run(outputs, {self._input: x})
        except Exception as failure:
            raise BuildError(f"onnx: ONNX Runtime cannot run the graph: {str(failure).splitlines()[0]}") from failure
        return results
