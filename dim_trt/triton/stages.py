"""What is before and behind a network that Triton's TensorRT backend runs, see `ensemble`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.errors import InvalidInput
from dim_trt.triton.backend import arrays_of, options_of, response
from dim_trt.triton.ensemble import PREPROCESSING

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


class Prepare:
    """image, trimap: what the network is fed."""

    def initialize(self, args: Mapping[str, str]) -> None:
        self._name = json.loads(args["model_config"])["output"][0]["name"]
        folder = Path(args["model_repository"], args["model_version"])
        self._preprocessing = (folder / PREPROCESSING).read_text()
        options = options_of(args)
        self._color, self._max_pixels = options["color"], options.get("max_pixels")

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request; one that cannot be answered is refused in a sentence."""
        return [response(self._name, partial(self._planes, request)) for request in requests]

    def _planes(self, request: Any) -> F32:
        image, trimap = (array.view(np.uint8) for array in arrays_of(request, "image", "trimap"))
        _core.check_arrays(image, trimap, None)
        pixels = image.shape[0] * image.shape[1]
        if self._max_pixels and pixels > self._max_pixels:
            raise InvalidInput(f"image: expected at most {self._max_pixels} pixels, got {pixels}")
        planes, _ = _core.network_input(image, trimap, self._preprocessing, color=self._color)
        return planes[None]


class Finish:
    """What the network answers, and the trimap: alpha."""

    def initialize(self, args: Mapping[str, str]) -> None:
        (self._answer,) = {entry["name"] for entry in json.loads(args["model_config"])["input"]} - {"trimap"}

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request."""
        return [response("alpha", partial(self._alpha, request)) for request in requests]

    def _alpha(self, request: Any) -> F32:
        answer, trimap = arrays_of(request, self._answer, "trimap")
        return finished(answer, trimap.view(np.uint8))


def finished(answer: F32, trimap: U8) -> F32:
    """Alpha [height, width] from a network's answer [1, 1, more, more]: known pixels are exactly 0 or 1."""
    height, width = trimap.shape
    alpha = np.clip(answer[0, 0, :height, :width], 0, 1)
    alpha[trimap == 0], alpha[trimap == 255] = 0, 1
    return alpha
