"""A plan for segmentation, loaded: from a picture alone to a soft mask of what it shows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.arrays import advise, as_numpy
from dim_trt.engine_options import uses_gpu_arrays
from dim_trt.files import StrPath
from dim_trt.loaded_plan import LoadedPlan

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


class Salient(LoadedPlan[_core.Segmentation]):
    """Finds the objects that a picture is about: no trimap is needed. One may be used from many threads; the GIL is
    released while it runs.

    Args:
        plan: "salient", the network that comes with the package, whose plan is built once and cached; or the path of a
            plan that `build_plan` wrote from a network for the task "segmentation", as `python -m training.train
            --config salient` trains it and `python -m training.export` exports it.
        device: "cpu", or "auto", which says in one log line what it is. Plans of this task run on the CPU.
        threads: how many CPU threads one run may use; None uses all cores.
        color: the channel order of the images, "bgr" as OpenCV gives them, or "rgb".

    It is closed, and pickled, as an Engine is.

    Raises:
        InvalidInput: an argument is not one of the above.
        PlanError: the plan is missing, damaged, for another task, or was made for another version.
        BackendUnavailable: the device was asked for and is not there, or cannot run the plan.
    """

    def __init__(self, plan: StrPath, device: str = "auto", threads: int | None = None, color: str = "bgr"):
        super().__init__(_core.Segmentation, plan, device=device, threads=threads, color=color)

    def run(self, img: Any, out: F32 | None = None) -> F32:
        """The soft mask of one picture.

        Args:
            img: [height, width, 3] uint8 in the engine's channel order, 0..255; any height and width from 1 px, strided
                and read-only arrays are fine, and what has DLPack, such as PyTorch's tensors.
            out: [height, width] float32 to write into, so that nothing is allocated; returned.

        Returns:
            [height, width] float32 in 0..1: how sure the network is that a pixel belongs to an object.

        Raises:
            InvalidInput: an array has the wrong dtype, rank, size, channels or memory; the message names it.
        """
        core = self._open_core()
        uses_gpu_arrays(self._device, img=img, out=out)
        img = as_numpy(img, "img")
        advise(img, "img")
        mask = core.run(img, as_numpy(out, "out"))
        return mask if out is None else out

    @property
    def info(self) -> dict[str, Any]:
        """What runs: task, network, backend, device, precision (what computes), weights (how they are stored), isa,
        gpu_name, threads, layers, color, inputs, outputs, model, preprocessing, shapes, producer, source and path."""
        return super().info
