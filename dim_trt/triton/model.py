"""What Triton's Python backend runs: an engine for each instance of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.errors import Error
from dim_trt.triton.backend import arrays_of, options_of, response
from dim_trt.triton.repository import PLAN


class TritonPythonModel:
    """By the name that the backend looks for."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """`args`: of Triton, strings: the configuration as JSON, the model's folder, the instance's device."""
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        plan = Path(args["model_repository"], args["model_version"], PLAN)
        try:
            self._engine = Engine(plan, device, **options_of(args))
        except Error as failure:
            raise pb_utils.TritonModelException(str(failure)) from failure

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request; one that cannot be answered is refused in a sentence."""
        return [response("alpha", partial(self._alpha, request)) for request in requests]

    def _alpha(self, request: Any) -> NDArray[np.float32]:
        image, trimap = arrays_of(request, "image", "trimap")
        return self._engine.run(image.view(np.uint8), trimap.view(np.uint8))

    def finalize(self) -> None:
        """Waits for what runs."""
        self._engine.close()
