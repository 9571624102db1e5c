"""What the network is fed: these constants also travel in the metadata of every exported ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 128  # the canonical trimap's unknown value; 0 is background, 255 foreground


@dataclass(frozen=True)
class Resize:
    """How pictures of other sides are scaled to multiples of the stride, each side on its own, as cv2.resize does it.

    round: "down" (but not to 0) or "up" to the next multiple.
    max_side: the longest side, in pixels; 0 for any.
    pixels: "uint8", whose results are rounded to whole levels, or "float32", of whose cubic results none is clipped.
    img, trimap, alpha: "nearest", "linear" or "cubic"; alpha is scaled back from float32, and clipped last of all.
    """

    round: str
    max_side: int
    pixels: str
    img: str
    trimap: str
    alpha: str


@dataclass(frozen=True)
class Preprocessing:
    """input[:3] = (color - mean) / std in `channel_order`; input[3] = trimap · `trimap_scale`.

    trimap_values: "canonical": every value but 0 and 255 becomes 128; "raw": they are fed as they are.
    padding: "reflect": at the bottom and right, to a multiple of `stride`; "none": maps end where the picture does, and
        poolings leave an odd last row or column out, or with `resize` sides are such multiples anyway.
    """

    channel_order: str = "rgb"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    trimap_scale: float = 1 / 255
    stride: int = 32
    padding: str = "reflect"
    trimap_values: str = "canonical"
    resize: Resize | None = None

    def to_dict(self) -> dict[str, Any]:
        """As files store it. What the network of this project does not need is left out: older readers know no more."""
        values = asdict(self)
        if self.trimap_values == "canonical":
            del values["trimap_values"]
        if self.resize is None:
            del values["resize"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocessing:
        """The inverse; raises TypeError or KeyError where `to_dict` did not make it."""
        resize = Resize(**values["resize"]) if values.get("resize") is not None else None
        lists = {name: tuple(values[name]) for name in ("mean", "std")}
        return cls(**{**values, **lists, "resize": resize})


PREPROCESSING = Preprocessing()


def canonical_trimap(trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] uint8: 0 and 255 stay, every other value becomes 128."""
    return np.where((trimap == 0) | (trimap == 255), trimap, np.uint8(UNKNOWN))


def network_input(
    image: NDArray[np.uint8], trimap: NDArray[np.uint8], rules: Preprocessing = PREPROCESSING
) -> NDArray[np.float32]:
    """RGB image [H, W, 3] uint8 and trimap [H, W] uint8 -> [4, H, W] float32."""
    mean, std = np.array(rules.mean, np.float32), np.array(rules.std, np.float32)
    colors = image if rules.channel_order == "rgb" else image[:, :, ::-1]
    planes = np.empty((4, *trimap.shape), np.float32)
    planes[:3] = ((colors.astype(np.float32) - mean) / std).transpose(2, 0, 1)
    marks = trimap if rules.trimap_values == "raw" else canonical_trimap(trimap)
    planes[3] = marks.astype(np.float32) * np.float32(rules.trimap_scale)
    return planes


def pad_to_stride(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """[C, H, W] -> [C, H', W'] with H' and W' the next multiples of `PREPROCESSING.stride`."""
    height, width = planes.shape[1:]
    stride = PREPROCESSING.stride
    padding = ((0, 0), (0, -height % stride), (0, -width % stride))
    return np.pad(planes, padding, mode="reflect")
