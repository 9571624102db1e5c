"""The loaded plan."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.capabilities import resolve_device, tensorrt_folders
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath

LOGGER = logging.getLogger("dim_trt")


class Engine:
    """Turns image and trimap into alpha. One engine may be used from many threads; the GIL is released while it runs.

    Args:
        plan: path of a plan that `build_plan` wrote.
        device: "cpu", "cuda" or "cuda:N"; "auto" is what the plan was built for, and says so in one log line.
        threads: how many CPU threads one run may use; None uses all cores.
        color: the channel order of the images, "bgr" as OpenCV gives them, or "rgb".

    Raises:
        InvalidInput: an argument is not one of the above.
        PlanError: the plan is missing, damaged, or was made for another version, backend or machine.
        BackendUnavailable: the device was asked for and is not there.
    """

    def __init__(self, plan: StrPath, device: str = "auto", threads: int | None = None, color: str = "bgr"):
        self._path = _plan_path(plan)
        self._color = color
        backend, gpu = resolve_device(device)
        self._core = _core.Engine(
            self._path,
            threads=_thread_count(threads),
            color=color,
            gpu=gpu,
            tensorrt_folders=tensorrt_folders(),
            backend=backend,
        )
        self._header: dict[str, Any] = json.loads(self._core.header)
        self._device = "cpu" if self._header["backend"] == "cpu" else f"cuda:{gpu}"
        if device == "auto":
            LOGGER.info("device auto: %s, which the plan was built for", self._device)

    def run(
        self, img: NDArray[np.uint8], trimap: NDArray[np.uint8], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Alpha of one picture.

        Args:
            img: [height, width, 3] uint8 in the engine's channel order, 0..255; any height and width from 1 px,
                strided and read-only arrays are fine.
            trimap: [height, width] uint8: 0 is background, 255 foreground, every other value unknown.
            out: [height, width] float32 to write into, so that nothing is allocated; returned.

        Returns:
            Alpha [height, width] float32 in 0..1: exactly 0 and 1 where the trimap is known.

        Raises:
            InvalidInput: an array has the wrong dtype, rank, size or channels; the message names it.
        """
        return self._core.run(img, trimap, out)

    def profile(self, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> list[tuple[str, float]]:
        """Runs once and says where the time went: (step, milliseconds), in the order the steps ran.

        Arguments and errors are those of `run`. The first run on a new size is slower: it lays out its memory.
        """
        return self._core.profile(img, trimap)

    @property
    def info(self) -> dict[str, Any]:
        """What runs: backend, device, precision, isa, threads, color, model, preprocessing, shapes, producer, weights
        and path."""
        return {
            "backend": self._header["backend"],
            "device": self._device,
            "precision": self._header["precision"],
            "isa": self._core.isa,
            "threads": self._core.threads,
            "color": self._color,
            **{key: self._header[key] for key in ("model", "preprocessing", "shapes", "producer", "weights")},
            "path": self._path,
        }

    def __repr__(self) -> str:
        info = self.info
        return (
            f"Engine({self._path!r}, device={info['device']!r}, precision={info['precision']!r}, "
            f"isa={info['isa']!r}, threads={info['threads']})"
        )


def _plan_path(plan: StrPath) -> str:
    if not isinstance(plan, (str, os.PathLike)):
        raise InvalidInput(f"plan: expected a path, got {type(plan).__name__}")
    return os.fspath(plan)


def _thread_count(threads: int | None) -> int:
    """As the core counts them: 0 is all cores."""
    if threads is None:
        return 0
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise InvalidInput(f"threads: expected a whole number from 1, or None for all cores, got {threads!r}")
    return threads
