"""What other repositories' programs do around their networks, in a few lines of cv2 and numpy each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
Floats = NDArray[np.float32]


class Program(NamedTuple):
    """planes: RGB and trimap -> the network's input [4, H', W']; alpha: its output [H', W'] -> alpha [H, W]."""

    planes: Callable[[U8, U8], Floats]
    alpha: Callable[[Floats, U8], Floats]


def imagenet(rgb: U8, trimap: U8) -> Floats:
    colors = (rgb / np.float32(255) - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return np.concatenate([colors.transpose(2, 0, 1), trimap[None] / np.float32(255)])


def raw_bgr(rgb: U8, trimap: U8) -> Floats:
    return np.concatenate([rgb[..., ::-1].transpose(2, 0, 1), trimap[None]]).astype(np.float32)


def known_pasted(alpha: Floats, trimap: U8) -> Floats:
    return np.where(trimap == 0, np.float32(0), np.where(trimap == 255, np.float32(1), alpha))


def padded(rgb: U8, trimap: U8) -> Floats:
    planes = imagenet(rgb, trimap)
    return np.pad(planes, [(0, 0), *((0, -side % 32) for side in trimap.shape)], mode="reflect")


def cropped(alpha: Floats, trimap: U8) -> Floats:
    return known_pasted(alpha[: trimap.shape[0], : trimap.shape[1]], trimap)


def scaled_down(normalised: Callable[[U8, U8], Floats]) -> Callable[[U8, U8], Floats]:
    def planes(rgb: U8, trimap: U8) -> Floats:
        height, width = (min(1600, side - side % 32) for side in trimap.shape)
        return normalised(cv2.resize(rgb, (width, height)), cv2.resize(trimap, (width, height)))  # bilinear, uint8

    return planes


def scaled_back(alpha: Floats, trimap: U8) -> Floats:
    return known_pasted(cv2.resize(alpha, trimap.shape[::-1]), trimap)


def scaled_up(rgb: U8, trimap: U8) -> Floats:
    planes = imagenet(rgb, trimap).transpose(1, 2, 0)
    height, width = (-(-side // 32) * 32 for side in trimap.shape)
    colors = cv2.resize(planes[..., :3], (width, height), interpolation=cv2.INTER_CUBIC)
    marks = cv2.resize(planes[..., 3], (width, height), interpolation=cv2.INTER_NEAREST)
    return np.dstack([colors, marks]).transpose(2, 0, 1)


def scaled_back_and_clipped(alpha: Floats, trimap: U8) -> Floats:
    alpha = cv2.resize(alpha, trimap.shape[::-1], interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.where(trimap == 128, alpha, trimap / np.float32(255))


MMAGIC = Program(padded, cropped)
HUOCHAITIANTANG = Program(scaled_down(imagenet), scaled_back)
HUOCHAITIANTANG_V1_0 = Program(scaled_down(raw_bgr), scaled_back)
INDEXNET = Program(scaled_up, scaled_back_and_clipped)
FOAMLIU = Program(imagenet, known_pasted)
