"""Alpha in one call, with the shipped model."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.plans.builder import SHIPPED


def estimate_alpha(
    img: NDArray[np.uint8] | StrPath,
    trimap: NDArray[Any] | StrPath | None = None,
    *,
    mask: NDArray[Any] | StrPath | None = None,
    color: str = "bgr",
    device: str = "auto",
) -> NDArray[np.float32]:
    """Alpha of a picture with a trimap or a mask, by the shipped model. For more pictures or other models: `Engine`.

    Args:
        img: [height, width, 3] uint8 in the order of `color`, or the path of a picture.
        trimap: [height, width]: black is background, white foreground, every other value unknown, labels (no value
            above 15) refused; or a picture's path.
        mask: in its place: [height, width], hard or soft, of which `trimaps.from_mask` makes a trimap; or a path.
        color: "bgr" as OpenCV gives pictures, or "rgb".
        device: as for `Engine`.

    Returns:
        [height, width] float32 in 0..1.

    Raises:
        InvalidInput: both or none of trimap and mask are given, a file cannot be read, or an array is not as above.
        BackendUnavailable: the device was asked for and is not there.
    """
    if (trimap is None) == (mask is None):
        raise InvalidInput("trimap, mask: expected one of the two")
    from dim_trt.pictures.files import read_image  # with OpenCV, which `import dim_trt` does without
    from dim_trt.trimaps import GivenTrimap, MaskRule, read_trimap

    rule, known = (GivenTrimap(), trimap) if mask is None else (MaskRule(), mask)
    if isinstance(img, (str, os.PathLike)):
        img, color = read_image(img), "bgr"
    values = read_trimap(known, rule) if isinstance(known, (str, os.PathLike)) else rule.trimap(known)
    return _engine(device, color).run(img, values)


@functools.lru_cache(maxsize=4)
def _engine(device: str, color: str) -> Engine:
    return Engine(SHIPPED, device, color=color)
