"""One picture that shows many results: a row for each, with image, trimap, truth, alpha and where alpha is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2

Bgr = NDArray[np.uint8]  # [height, width, 3]

COLUMNS = ("image", "trimap", "truth", "alpha", "error: orange too high, blue too low")
TILE_PX = (200, 260)  # (height, width) that a picture is made to fit in
GAP_PX = 8
TEXT_PX = 24  # height of a line of text
PAPER = (32, 32, 32)
INK = (230, 230, 230)
FAINT = (150, 150, 150)
TOO_HIGH = np.array([0, 140, 255], np.float32)  # BGR at an error of 1
TOO_LOW = np.array([255, 120, 0], np.float32)
LIFT = 0.6  # errors are drawn to this power: small ones stay visible


@dataclass(frozen=True)
class Row:
    """One result: [height, width, 3] uint8 BGR, [height, width] uint8, and two of [height, width] float32 in 0..1."""

    caption: str
    img: Bgr
    trimap: NDArray[np.uint8]
    truth: NDArray[np.float32]
    alpha: NDArray[np.float32]


def contact_sheet(rows: Sequence[Row], heading: str) -> Bgr:
    """[height, width, 3] uint8 BGR, the rows from top to bottom. Raises InvalidInput without rows."""
    if not rows:
        raise InvalidInput("contact sheet: expected at least one row, got none")
    tile_height, tile_width = TILE_PX
    row_height = TEXT_PX + tile_height + GAP_PX
    top = 2 * TEXT_PX + GAP_PX
    width = GAP_PX + len(COLUMNS) * (tile_width + GAP_PX)
    sheet: Bgr = np.full((top + len(rows) * row_height, width, 3), PAPER, np.uint8)
    _write(sheet, heading, GAP_PX, 0, INK)
    lefts = [GAP_PX + column * (tile_width + GAP_PX) for column in range(len(COLUMNS))]
    for x, title in zip(lefts, COLUMNS, strict=True):
        _write(sheet, title, x, TEXT_PX, FAINT)
    for number, row in enumerate(rows):
        y = top + number * row_height
        _write(sheet, row.caption, GAP_PX, y, INK)
        for column, picture in enumerate(_tiles(row)):
            tile, x = _fit(picture), lefts[column]
            height, width = tile.shape[:2]
            sheet[y + TEXT_PX : y + TEXT_PX + height, x : x + width] = tile
    return sheet


def error_map(alpha: NDArray[np.float32], truth: NDArray[np.float32]) -> Bgr:
    """[height, width, 3] uint8 BGR: black where alpha is right, orange where it is too high, blue where too low."""
    error = alpha - truth
    strength = np.abs(error)[:, :, None] ** LIFT
    colors = np.where(error[:, :, None] > 0, TOO_HIGH, TOO_LOW) * strength
    result: Bgr = np.rint(colors).astype(np.uint8)
    return result


def _tiles(row: Row) -> list[Bgr]:
    """In the order of COLUMNS, at the size of the picture."""
    grays = [row.trimap, *(np.rint(matte * 255).astype(np.uint8) for matte in (row.truth, row.alpha))]
    return [row.img, *(np.dstack([gray] * 3) for gray in grays), error_map(row.alpha, row.truth)]


def _fit(picture: Bgr) -> Bgr:
    """Scaled down to TILE_PX, its proportions kept; a small picture stays as it is."""
    height, width = picture.shape[:2]
    scale = min(TILE_PX[0] / height, TILE_PX[1] / width, 1.0)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _write(sheet: Bgr, text: str, x: int, y: int, color: tuple[int, int, int]) -> None:
    """A line of text whose top left corner is at (x, y)."""
    at = (x, y + round(TEXT_PX * 0.7))
    cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, color, 1, cv2.LINE_AA)
