"""The pictures that int8 is calibrated with: image and trimap pairs, from a folder or the eight that are shipped.

A folder is either of

    input/x.png  trimap1/x.png         as alphamatting.com lays it out
    x.png        x_trimap.png          beside one another

where images may have the suffix of any picture and trimaps are .png. Of a large picture only the window with the
most unknown pixels is used: statistics of more pixels are not better, and every feature map is held at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt import _core
from dim_trt.arrays import unknown_pixels
from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.opencv import cv2
from dim_trt.pictures.files import read_image
from dim_trt.pictures.folders import PICTURES
from dim_trt.trimaps.files import read_trimap

MARK = "_trimap"
WINDOW_PX = 384  # of the input, in height and width
LAYOUTS = f"input/x.png with trimap1/x.png, or x.png with x{MARK}.png"


@dataclass(frozen=True)
class CalibrationPicture:
    """What an engine is given: image [height, width, 3] uint8 BGR, trimap [height, width] uint8."""

    name: str
    image: NDArray[np.uint8]
    trimap: NDArray[np.uint8]

    def network_input(self, preprocessing: Mapping[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What the engine feeds a network of this preprocessing for the picture, [1, C, H, W], and the pixels [H, W] of
        the network's answer that the alpha of unknown pixels is made of."""
        planes, wanted = _core.network_input(self.image, self.trimap, json.dumps(preprocessing), color="bgr")
        return planes[None], wanted


def shipped_pictures() -> list[CalibrationPicture]:
    """The eight drawn scenes in dim_trt/calibration."""
    with resources.as_file(resources.files("dim_trt") / "calibration") as folder:
        return read_pictures(folder)


def read_pictures(folder: StrPath) -> list[CalibrationPicture]:
    """Every pair in the folder, at most WINDOW_PX high and wide; raises InvalidInput that says what is missing."""
    pictures = [_read(image, trimap) for image, trimap in _pairs(Path(folder))]
    if not any(unknown_pixels(picture.trimap).any() for picture in pictures):
        raise InvalidInput(
            f"calibration: no trimap in {os.fspath(folder)!r} has unknown pixels; there is nothing to matte"
        )
    return pictures


def network_inputs(
    pictures: Sequence[CalibrationPicture], preprocessing: Mapping[str, Any]
) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """What the network is fed for each picture, and what counts of its answer."""
    if not pictures:
        raise InvalidInput("pictures: expected at least one, got none")
    return [picture.network_input(preprocessing) for picture in pictures]


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    if not folder.is_dir():
        raise InvalidInput(f"calibration: {os.fspath(folder)!r} is not a folder; expected one with {LAYOUTS}")
    if (folder / "input").is_dir():
        pairs = [(image, folder / "trimap1" / f"{image.stem}.png") for image in _images(folder / "input")]
    else:
        images = [path for path in _images(folder) if not path.stem.endswith(MARK)]
        pairs = [(image, folder / f"{image.stem}{MARK}.png") for image in images]
    if not pairs:
        raise InvalidInput(f"calibration: {os.fspath(folder)!r} holds no pictures; expected {LAYOUTS}")
    for image, trimap in pairs:
        if not trimap.is_file():
            raise InvalidInput(
                f"calibration: {str(trimap)!r}, the trimap of {image.name!r}, is missing; expected {LAYOUTS}"
            )
    return pairs


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)


def _read(image_path: Path, trimap_path: Path) -> CalibrationPicture:
    image, trimap = read_image(image_path, "calibration"), read_trimap(trimap_path)
    if image.shape[:2] != trimap.shape:
        raise InvalidInput(
            f"calibration: {str(trimap_path)!r}: expected the size of {image_path.name!r}, {list(image.shape[:2])}, "
            f"got {list(trimap.shape)}"
        )
    window = _window(trimap)
    return CalibrationPicture(image_path.stem, image[window], trimap[window])


def _window(trimap: NDArray[np.uint8]) -> tuple[slice, slice]:
    """The rows and columns with the most unknown pixels."""
    height, width = (min(side, WINDOW_PX) for side in trimap.shape)
    sums = cv2.integral(unknown_pixels(trimap).astype(np.uint8))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    top, left = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)
