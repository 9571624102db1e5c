"""The graph on ONNX Runtime, which int8 is calibrated with; not needed to run a plan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from dim_trt.errors import BuildError
from dim_trt.onnx_runtime import Refused, open_session, run_session


class Session:
    """An ONNX model on ONNX Runtime's CPU provider. QuantizeLinear and DequantizeLinear are done one by one."""

    def __init__(self, model: onnx.ModelProto):
        try:
            self._session = open_session(model.SerializeToString(), {"session.disable_quant_qdq": "1"})
        except ImportError as failure:
            raise BuildError("int8 needs onnxruntime: pip install onnxruntime") from failure
        except Refused as failure:
            raise BuildError(f"onnx: ONNX Runtime cannot load the graph: {failure}") from failure
        self._input = self._session.get_inputs()[0].name

    def run(self, x: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[Any]]:
        """The named outputs, or all, for one network input."""
        try:
            return run_session(self._session, outputs, {self._input: x})
        except Refused as failure:
            raise BuildError(f"onnx: ONNX Runtime cannot run the graph: {failure}") from failure
