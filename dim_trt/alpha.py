"""Alpha in one call, with the shipped model."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.plans.builder import SHIPPED

if TYPE_CHECKING:
    from dim_trt.masks import MaskSource


def estimate_alpha(
    img: NDArray[np.uint8] | StrPath,
    trimap: NDArray[Any] | StrPath | None = None,
    *,
    mask: NDArray[Any] | StrPath | None = None,
    auto: str | MaskSource | None = None,
    color: str = "bgr",
    device: str = "auto",
) -> NDArray[np.float32]:
    """Alpha of a picture with a trimap, a mask, or neither, by the shipped model. For more: `Engine`.

    Args:
        img: [height, width, 3] uint8 in the order of `color`, or the path of a picture.
        trimap: [height, width]: black is background, white foreground, every other value unknown, labels (no value
            above 15) refused; or a picture's path.
        mask: in its place: [height, width], hard or soft, of which `trimaps.from_mask` makes a trimap; or a path.
        auto: in their place: a network that finds the objects, "salient" (ours), "rembg:NAME", "MODEL.onnx" or a
            function, see `masks.open_source`; what is named is loaded once.
        color: "bgr" as OpenCV gives pictures, or "rgb".
        device: as for `Engine`.

    Returns:
        [height, width] float32 in 0..1.

    Raises:
        InvalidInput: not exactly one of trimap, mask and auto is given, a file cannot be read, or an array
            is not as above.
        BackendUnavailable: the device was asked for and is not there, or what `auto` needs is not installed.
    """
    if [trimap is None, mask is None, auto is None].count(False) != 1:
        raise InvalidInput("trimap, mask, auto: expected exactly one of them")
    from dim_trt.pictures.files import read_image  # with OpenCV, which `import dim_trt` does without
    from dim_trt.trimaps import GivenTrimap, MaskRule, read_trimap

    rule, known = (GivenTrimap(), trimap) if mask is None else (MaskRule(), mask)
    if isinstance(img, (str, os.PathLike)):
        img, color = read_image(img), "bgr"
    if auto is not None:
        return _automatic(img, auto, _engine(device, color))
    values = read_trimap(known, rule) if isinstance(known, (str, os.PathLike)) else rule.trimap(known)
    return _engine(device, color).run(img, values)


def _automatic(img: NDArray[np.uint8], auto: str | MaskSource, engine: Engine) -> NDArray[np.float32]:
    """Sources take BGR, the engine what it was made for."""
    from dim_trt.masks import Automatic, open_source

    source = _named_source(auto) if isinstance(auto, str) else open_source(auto)
    is_rgb = engine.info["color"] == "rgb" and isinstance(img, np.ndarray) and img.ndim == 3
    bgr = np.ascontiguousarray(img[:, :, ::-1]) if is_rgb else img
    return Automatic(source).alpha(lambda _, trimap: engine.run(img, trimap), bgr)


@functools.lru_cache(maxsize=2)
def _named_source(auto: str) -> MaskSource:
    from dim_trt.masks import open_source

    return open_source(auto)


@functools.lru_cache(maxsize=4)
def _engine(device: str, color: str) -> Engine:
    return Engine(SHIPPED, device, color=color)
