"""What is wrong with a trimap, and where: most mattes that look bad were given a bad trimap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.opencv import cv2
from dim_trt.pictures.picture import turn_advice
from dim_trt.trimaps.findings import Finding, found_at
from dim_trt.trimaps.making import Mask, Trimap, distance_to
from dim_trt.trimaps.rules import OF_ONE, GivenTrimap

SEVERITIES = ("error", "warning", "note")
MANY_UNKNOWN = 0.6  # share of the picture
THIN_PX = 3
DEEP_PX = 6  # so far from the other side, a known pixel shows one layer's color alone
COLOR_SIGMA_PX = 12
DIFFERENT = 40  # of 0..441, between the local colors of two layers that can be told apart
MIXED = 0.3  # share of the other layer's color in a pixel that is said to be pure


def validate(
    trimap: object, img: NDArray[np.uint8] | None = None, *, thin_px: int = THIN_PX, file: str | None = None
) -> list[Finding]:
    """Everything that is wrong or suspicious, the worst first; empty for a good trimap.

    What `GivenTrimap` refuses is an error, as is another size than the picture's: `matte` takes all else.

    Args:
        trimap: whatever array is meant as one, as a file holds it.
        img: [height, width, 3] uint8, its picture: the sizes are compared, and an unknown band thinner than `thin_px`
            is reported only where the picture's colors say that the edge is soft.
        thin_px: 0 leaves that check out.
        file: the trimap's name, for messages that say which command to run.

    Raises:
        InvalidInput: img is no picture, or thin_px is negative.
    """
    if img is not None and (not isinstance(img, np.ndarray) or img.dtype != np.uint8 or img.ndim != 3):
        raise InvalidInput("img: expected uint8 [height, width, 3]")
    if thin_px < 0:
        raise InvalidInput(f"thin_px: expected at least 0, got {thin_px}")
    findings = list(_findings(trimap, img, thin_px, file))
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _findings(picture: object, img: NDArray[np.uint8] | None, thin_px: int, file: str | None) -> Iterator[Finding]:
    examined = GivenTrimap().examine(picture, file)
    yield from examined.findings
    trimap = examined.trimap
    if trimap is None:
        return
    if not OF_ONE & {finding.code for finding in examined.findings}:
        yield from _shares(trimap)
    if img is not None and img.shape[:2] != trimap.shape:
        remedy = turn_advice(trimap.shape, img.shape[:2]) or "scale the trimap with nearest neighbour"
        message = (
            f"the trimap is {trimap.shape[1]}x{trimap.shape[0]} px, its picture {img.shape[1]}x{img.shape[0]} px; "
            f"{remedy}"
        )
        yield Finding("error", "size", message)
    elif thin_px and (trimap == 0).any() and (trimap == 255).any():
        yield from _thin_band(trimap, img, thin_px)


def _shares(trimap: Trimap) -> Iterator[Finding]:
    """Advice about how much is known."""
    unknown = trimap == 128
    if not (trimap == 255).any():
        yield Finding("warning", "no-foreground", "no pixel is white: nothing is known to be foreground")
    if not (trimap == 0).any():
        yield Finding("warning", "no-background", "no pixel is black: nothing is known to be background")
    if unknown.mean() > MANY_UNKNOWN:
        message = f"{unknown.mean():.0%} of the picture is unknown; say of more pixels what they are"
        yield found_at("warning", "unknown-share", message, unknown)


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
            yield found_at("warning", "thin-band", message, thin)
        return
    soft = thin & _looks_mixed(img, foreground, background, to_foreground, to_background, thin_px)
    if np.count_nonzero(soft) > 8:  # fewer are chance
        message = (
            f"the unknown band is thinner than {thin_px} px beside {np.count_nonzero(soft)} pixels where colors say "
            "that the edge is soft (hair, blur); widen it there"
        )
        yield found_at("warning", "thin-band", message, soft)


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
