"""What is wrong with a trimap, and where: most mattes that look bad were given a bad trimap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.trimaps.making import Mask, Trimap, distance_to

Severity: TypeAlias = Literal["error", "warning"]

NOISE = 16  # so near to 0 or 255, a value is meant to be 0 or 255
MANY_UNKNOWN = 0.6  # share of the picture
THIN_PX = 3
DEEP_PX = 6  # so far from the other side, a known pixel shows one layer's color alone
COLOR_SIGMA_PX = 12
DIFFERENT = 40  # of 0..441, between the local colors of two layers that can be told apart
MIXED = 0.3  # share of the other layer's color in a pixel that is said to be pure


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (`error`: results will be wrong) or looks wrong (`warning`)."""

    severity: Severity
    code: str
    message: str
    pixels: int = 0
    box: tuple[int, int, int, int] | None = None  # top, left, bottom, right of what is affected; the ends are exclusive

    def __str__(self) -> str:
        where = ""
        if self.box:
            top, left, bottom, right = self.box
            where = f" (rows {top}..{bottom - 1}, columns {left}..{right - 1})"
        return f"{self.severity}: {self.code}: {self.message}{where}"


def validate(
    trimap: NDArray[np.generic], img: NDArray[np.uint8] | None = None, *, thin_px: int = THIN_PX
) -> list[Finding]:
    """Everything that is wrong or suspicious, the worst first; empty for a good trimap.

    Args:
        trimap: whatever array is meant as one, as a file holds it.
        img: [height, width, 3] uint8, its picture: the sizes are compared, and an unknown band thinner than `thin_px`
            is reported only where the picture's colors say that the edge is soft.
        thin_px: 0 leaves that check out.

    Raises:
        InvalidInput: img is no picture, or thin_px is negative.
    """
    if img is not None and (not isinstance(img, np.ndarray) or img.dtype != np.uint8 or img.ndim != 3):
        raise InvalidInput("img: expected uint8 [height, width, 3]")
    if thin_px < 0:
        raise InvalidInput(f"thin_px: expected at least 0, got {thin_px}")
    findings = list(_findings(trimap, img, thin_px))
    return sorted(findings, key=lambda finding: finding.severity != "error")


def _findings(trimap: NDArray[np.generic], img: NDArray[np.uint8] | None, thin_px: int) -> Iterator[Finding]:
    broken = _not_readable(trimap)
    if broken:
        yield broken
        return
    if trimap.ndim == 3:
        if trimap.shape[2] in (2, 4):
            yield Finding(
                "warning", "alpha-channel", "the file has an alpha channel, which is not looked at; remove it"
            )
        trimap = trimap[:, :, 0]
    if trimap.dtype == np.uint16:
        message = (
            "expected uint8, got uint16: files are read right, arrays need a conversion, (t // 257).astype('uint8')"
        )
        yield Finding("warning", "dtype", message)
        trimap = _from_16_bits(trimap.astype(np.uint16))
    values = trimap.astype(np.uint8)
    yield from _values(values)
    if img is not None and img.shape[:2] != values.shape:
        message = (
            f"the trimap is {values.shape[1]}x{values.shape[0]} px, its picture {img.shape[1]}x{img.shape[0]} px; "
            "scale the trimap with nearest neighbour"
        )
        yield Finding("error", "size", message)
    elif thin_px and (values == 0).any() and (values == 255).any():
        yield from _thin_band(values, img, thin_px)


def _not_readable(trimap: NDArray[np.generic]) -> Finding | None:
    """What ends the examination."""
    if not isinstance(trimap, np.ndarray) or trimap.ndim not in (2, 3) or trimap.size == 0:
        got = list(trimap.shape) if isinstance(trimap, np.ndarray) else type(trimap).__name__
        return Finding("error", "shape", f"expected an array [height, width], got {got}")
    if trimap.dtype == np.bool_:
        return Finding("error", "dtype", "expected uint8, got bool: that is a mask; make a trimap of it with from_mask")
    if trimap.dtype not in (np.uint8, np.uint16):
        message = f"expected uint8, got {trimap.dtype}; for floats in 0..1 use from_alpha(trimap, erode=0, dilate=0)"
        return Finding("error", "dtype", message)
    colors = trimap[:, :, : 1 if trimap.shape[2] == 2 else 3] if trimap.ndim == 3 else trimap[:, :, None]
    differ: Mask = (colors != colors[:, :, :1]).any(2)
    if differ.any():
        message = "the channels differ: that is a colored picture; for strokes use from_scribbles"
        return _at("error", "colors", message, differ)
    return None


def _values(trimap: Trimap) -> Iterator[Finding]:
    present = np.unique(trimap).tolist()
    names = ", ".join(map(str, present[:6]))
    foreground, background = trimap == 255, trimap == 0
    if len(present) > 1 and present[-1] < NOISE:
        message = (
            f"the values are {names}: labels, of which no one is 255; 0 is background, 255 foreground, 128 unknown"
        )
        yield Finding("error", "labels", message, trimap.size)
        return
    near: Mask = ((trimap > 0) & (trimap <= NOISE)) | ((trimap < 255) & (trimap >= 255 - NOISE))
    if near.any():
        message = (
            f"{np.count_nonzero(near)} pixels are nearly but not quite 0 or 255, so they count as unknown: JPEG, or "
            "smooth scaling; save as PNG, scale with nearest neighbour, or clean it"
        )
        yield _at("error", "noise", message, near)
    if not foreground.any():
        yield Finding("warning", "no-foreground", "no pixel is 255: nothing is known to be foreground")
    if not background.any():
        yield Finding("warning", "no-background", "no pixel is 0: nothing is known to be background")
    unknown = ~(foreground | background)
    if not unknown.any():
        yield Finding("warning", "no-unknown", "every pixel is 0 or 255: alpha will be the trimap; that is a mask")
    elif unknown.mean() > MANY_UNKNOWN:
        message = f"{unknown.mean():.0%} of the picture is unknown; say of more pixels what they are"
        yield _at("warning", "unknown-share", message, unknown)


def _thin_band(trimap: Trimap, img: NDArray[np.uint8] | None, thin_px: int) -> Iterator[Finding]:
    foreground, background = trimap == 255, trimap == 0
    to_background, to_foreground = distance_to(background), distance_to(foreground)
    thin = foreground & (to_background <= thin_px)  # fewer than thin_px unknown pixels lie between
    if not thin.any():
        return
    if img is None:
        boundary = foreground & (distance_to(~foreground) <= 1)
        share = float(np.count_nonzero(thin & boundary)) / float(max(int(np.count_nonzero(boundary)), 1))
        if share > 0.5:
            message = f"along {share:.0%} of the foreground's edge the unknown band is thinner than {thin_px} px"
            yield _at("warning", "thin-band", message, thin)
        return
    soft = thin & _looks_mixed(img, foreground, background, to_foreground, to_background, thin_px)
    if np.count_nonzero(soft) > 8:  # fewer are chance
        message = (
            f"the unknown band is thinner than {thin_px} px beside {np.count_nonzero(soft)} pixels where colors say "
            "that the edge is soft (hair, blur); widen it there"
        )
        yield _at("warning", "thin-band", message, soft)


def _looks_mixed(
    img: NDArray[np.uint8],
    foreground: Mask,
    background: Mask,
    to_foreground: NDArray[np.float32],
    to_background: NDArray[np.float32],
    thin_px: int,
) -> Mask:
    """[height, width]: most known pixels around, 2 to 5 px from the other side's edge, hold the other side's color.

    alpha of such a pixel is its place on the line between the mean colors of the layers deep inside each.
    """
    picture = img[:, :, :3].astype(np.float32)
    front = _local_mean(picture, foreground & (to_background > DEEP_PX + thin_px))
    back = _local_mean(picture, background & (to_foreground > DEEP_PX + thin_px))
    line = front - back
    length = np.square(line).sum(2)
    alpha = ((picture - back) * line).sum(2) / np.maximum(length, 1)
    ring = (length >= DIFFERENT**2) & (
        (background & (to_foreground > 2) & (to_foreground <= 5 + thin_px))
        | (foreground & (to_background > 2) & (to_background <= 5 + thin_px))
    )
    wrong = ring & np.where(foreground, alpha < 1 - MIXED, alpha > MIXED)
    side = 2 * (5 + thin_px) + 1
    of, count = (cv2.boxFilter(part.astype(np.float32), -1, (side, side)) for part in (wrong, ring))
    mixed: Mask = (of > 0.4 * count) & (count > 0)
    return mixed


def _local_mean(picture: NDArray[np.float32], pixels: Mask) -> NDArray[np.float32]:
    """[height, width, 3]: mean color of the pixels, the near ones counting most; 0 where none is near."""
    weight = pixels.astype(np.float32)
    sums = cv2.GaussianBlur(picture * weight[:, :, None], (0, 0), COLOR_SIGMA_PX)
    weights = cv2.GaussianBlur(weight, (0, 0), COLOR_SIGMA_PX)[:, :, None]
    mean: NDArray[np.float32] = np.where(weights > 1e-4, sums / np.maximum(weights, 1e-4), 0)
    return mean


def _from_16_bits(trimap: NDArray[np.uint16]) -> Trimap:
    """As files are read: only 0 is 0 and only 65535 is 255."""
    values = np.clip(trimap // 257, 1, 254).astype(np.uint8)
    values[trimap == 0], values[trimap == 65535] = 0, 255
    return values


def _at(severity: Severity, code: str, message: str, pixels: Mask) -> Finding:
    rows, columns = (np.flatnonzero(pixels.any(axis)) for axis in (1, 0))
    box = (int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Finding(severity, code, message, int(np.count_nonzero(pixels)), box)
