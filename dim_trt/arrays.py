"""Arrays that callers pass: their checks, whose messages name the argument, what was expected and what came."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput

Floats: TypeAlias = NDArray[np.floating[Any]]
Mask: TypeAlias = NDArray[np.bool_]

LABELS_BELOW = 16  # who counts to less in 8 or 16 bits has numbered something


def check_alphas(alpha: Floats, **others: Floats) -> None:
    """Raise InvalidInput unless all are [height, width] floating point in 0..1 of one size."""
    for name, array in {"alpha": alpha, **others}.items():
        if not isinstance(array, np.ndarray) or array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
            advise(array, name)
            remedy = f"; {name} / 255 makes it so" if isinstance(array, np.ndarray) and array.dtype == np.uint8 else ""
            got = f"{kind(array)}{remedy}"
            raise InvalidInput(f"{name}: expected a [height, width] floating point array in 0..1, got {got}")
        if array.shape != alpha.shape:
            raise InvalidInput(f"{name}: expected the size of alpha, {list(alpha.shape)}, got {list(array.shape)}")
        if array.size and not (array.min() >= 0 and array.max() <= 1):  # false for NaN
            raise InvalidInput(f"{name}: expected values in 0..1, got some outside or NaN")


def as_numpy(array: Any, name: str) -> Any:
    """An array in host memory that has DLPack (PyTorch's, JAX's) as numpy's, sharing its memory; others as they are."""
    if array is None or isinstance(array, np.ndarray) or not hasattr(array, "__dlpack__"):
        return array
    try:
        return np.from_dlpack(array)
    except (BufferError, RuntimeError, TypeError, ValueError) as failure:  # one that wants a gradient, for example
        raise InvalidInput(f"{name}: {type(array).__name__} cannot be shared with numpy: {failure}") from failure


def advise(array: object, name: str) -> None:
    """Raise InvalidInput for what is passed by mistake most often, with what to do; `name` is img, trimap or alpha."""
    if array is None:
        raise InvalidInput(
            f"{name}: expected a numpy array, got None, which cv2.imread returns for a file that is missing or no "
            "picture; check the path"
        )
    if type(array).__module__.startswith("PIL."):
        remedy = "numpy.asarray(img.convert('RGB')) makes one, in the order of color=\"rgb\""
        if name != "img":
            remedy = f"numpy.asarray({name}.convert('L')) makes one"
        raise InvalidInput(f"{name}: expected a numpy array, got a picture of PIL; {remedy}")
    if not isinstance(array, np.ndarray):
        return
    if array.dtype == np.uint16:
        raise InvalidInput(f"{name}: expected dtype uint8, got uint16; ({name} // 257).astype(numpy.uint8) makes it so")
    channels = (1, 3, 4)
    if array.ndim == 3 and array.shape[0] in channels and array.shape[2] not in channels:
        raise InvalidInput(
            f"{name}: expected shape (height, width, 3), got {array.shape}, channels first; "
            f"numpy.moveaxis({name}, 0, 2) puts them last"
        )


def host_arrays(img: Any, trimap: Any, out: Any) -> tuple[Any, Any, Any]:
    """A call's arrays in host memory as numpy's. What is wrong with them `_core` says, but for the usual mistakes."""
    img, trimap = as_numpy(img, "img"), as_numpy(trimap, "trimap")
    advise(img, "img")
    advise(trimap, "trimap")
    return img, trimap, as_numpy(out, "out")


def kind(array: object) -> str:
    """What came, for a message: dtype and shape, or the type of what is no array."""
    return f"{array.dtype} {list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__


def unknown_pixels(trimap: NDArray[np.uint8]) -> Mask:
    """[height, width]: where the trimap is neither 0 nor 255."""
    unknown: Mask = (trimap != 0) & (trimap != 255)
    return unknown
