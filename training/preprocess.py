"""What the network is fed: these constants also travel in the metadata of every exported ONNX file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN = 128  # the canonical trimap's unknown value; 0 is background, 255 foreground


@dataclass(frozen=True)
class Preprocessing:
    """input[:3] = (colour - mean) / std in `channel_order`; input[3] = canonical trimap · `trimap_scale`.

    The input is padded at the bottom and right to a multiple of `stride` by the rule `padding`.
    """

    channel_order: str = "rgb"
    mean: tuple[float, float, float] = (123.675, 116.28, 103.53)
    std: tuple[float, float, float] = (58.395, 57.12, 57.375)
    trimap_scale: float = 1 / 255
    stride: int = 32
    padding: str = "reflect"


PREPROCESSING = Preprocessing()


def canonical_trimap(trimap: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] uint8: 0 and 255 stay, every other value becomes 128."""
    return np.where((trimap == 0) | (trimap == 255), trimap, np.uint8(UNKNOWN))


def network_input(
    image: NDArray[np.uint8], trimap: NDArray[np.uint8], rules: Preprocessing = PREPROCESSING
) -> NDArray[np.float32]:
    """RGB image [H, W, 3] uint8 and trimap [H, W] uint8 -> [4, H, W] float32."""
    mean, std = np.array(rules.mean, np.float32), np.array(rules.std, np.float32)
    colours = image if rules.channel_order == "rgb" else image[:, :, ::-1]
    planes = np.empty((4, *trimap.shape), np.float32)
    planes[:3] = ((colours.astype(np.float32) - mean) / std).transpose(2, 0, 1)
    planes[3] = canonical_trimap(trimap).astype(np.float32) * np.float32(rules.trimap_scale)
    return planes


def pad_to_stride(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """[C, H, W] -> [C, H', W'] with H' and W' the next multiples of `PREPROCESSING.stride`."""
    height, width = planes.shape[1:]
    stride = PREPROCESSING.stride
    padding = ((0, 0), (0, -height % stride), (0, -width % stride))
    return np.pad(planes, padding, mode="reflect")
