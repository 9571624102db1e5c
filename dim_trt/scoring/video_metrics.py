"""How steady the alpha of a video is compared with the truth: dtSSD and MESSDdt, each in both conventions in use.

The measures are from Erofeev et al., Perceptually Motivated Benchmark for Video Matting, BMVC 2015. Published figures
follow one of the conventions below, and those of one cannot be compared with those of another: name it with the figure.

dtSSD
    "rvm": 100 × the root of the mean, over the whole frame, of the squared difference of the changes since the frame
        before; the first frame counts as 0 (Lin et al., Robust High-Resolution Video Matting, WACV 2022).
    "tcvom": the root of the sum over the unknown region of the squared difference of the changes to the frame after;
        the last frame counts as 0 (Zhang et al., Attention-guided Temporally Coherent Video Object Matting, MM 2021).
MESSDdt, both over the unknown region, the frame after brought back by optical flow; the last frame counts as 0
    "squared": sum of the absolute change of the squared error, the figure that papers print.
    "absolute": sum of the absolute change of the error itself, "MESSDdt_fix" in the code of Zhang et al.

A frame without unknown pixels adds 0: nothing in it can flicker. That happens when the object has left the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import Floats, Mask, check_alphas, unknown_pixels
from dim_trt.errors import InvalidInput
from dim_trt.scoring.metrics import Doubles, check_trimap

DTSSD_CONVENTIONS = {
    "rvm": "100 * root of the mean over the whole frame",
    "tcvom": "root of the sum over the unknown region",
}
MESSDDT_CONVENTIONS = {
    "squared": "sum over the unknown region of the change of (alpha - truth)^2",
    "absolute": "sum over the unknown region of the change of alpha - truth",
}


def dtssd(
    alphas: Sequence[Floats],
    truths: Sequence[Floats],
    trimaps: Sequence[NDArray[np.uint8]] | None = None,
    *,
    convention: str,
) -> float:
    """dtSSD of a clip: the mean over all its frames, the one without a neighbour included as 0.

    Args:
        alphas, truths: one [height, width] floating point array in 0..1 for each frame, at least two frames.
        trimaps: one [height, width] uint8 array for each frame; needed for "tcvom" alone.
        convention: a key of DTSSD_CONVENTIONS.

    Raises:
        InvalidInput: the clips differ in length, or a frame is not as above; the message names the frame.
    """
    _check_convention(convention, DTSSD_CONVENTIONS)
    masks = _check_clip(alphas, truths, trimaps, needs_trimaps=convention == "tcvom")
    total = 0.0
    for i, (now, after) in enumerate(pairwise(_errors(alphas, truths))):
        change = after - now  # (alpha' - alpha) - (truth' - truth)
        if convention == "rvm":
            total += 100 * float(np.sqrt(np.square(change).mean()))
        else:
            total += float(np.sqrt(np.square(change[masks[i]]).sum()))
    return total / len(alphas)


def messddt(
    alphas: Sequence[Floats],
    truths: Sequence[Floats],
    trimaps: Sequence[NDArray[np.uint8]],
    flows: Sequence[NDArray[np.floating]],
    *,
    convention: str,
) -> float:
    """MESSDdt of a clip: the mean over all its frames, the last one included as 0.

    Args:
        alphas, truths, trimaps: as in `dtssd`.
        flows: [height, width, 2] floating point for each frame but the last: (x, y) in px from a pixel to where it
            is in the frame after, NaN where that is not known. What lies outside the frame counts as 0.
        convention: a key of MESSDDT_CONVENTIONS.

    Raises:
        InvalidInput: as `dtssd`; or a flow has another type or size, or there is not one for each pair of frames.
    """
    _check_convention(convention, MESSDDT_CONVENTIONS)
    masks = _check_clip(alphas, truths, trimaps, needs_trimaps=True)
    if len(flows) != len(alphas) - 1:
        raise InvalidInput(f"flows: expected {len(alphas) - 1}, one for each pair of frames, got {len(flows)}")
    total = 0.0
    for i, (now, after) in enumerate(pairwise(_errors(alphas, truths))):
        flow = flows[i]
        if not isinstance(flow, np.ndarray) or flow.dtype.kind != "f" or flow.shape != (*now.shape, 2):
            raise InvalidInput(f"frame {i}: flow: expected floating point {[*now.shape, 2]} of x and y in px")
        rows, columns = np.nonzero(masks[i] & ~np.isnan(flow).any(2))
        x, y = (columns + flow[rows, columns, 0]), (rows + flow[rows, columns, 1])
        here, there = now[rows, columns], _sample(after, x, y)
        change = here - there if convention == "absolute" else np.square(here) - np.square(there)
        total += float(np.abs(change).sum())
    return total / len(alphas)


def _errors(alphas: Sequence[Floats], truths: Sequence[Floats]) -> Iterator[Doubles]:
    """alpha - truth of each frame."""
    return (alpha.astype(np.float64) - truth for alpha, truth in zip(alphas, truths, strict=True))


def _sample(values: Doubles, x: NDArray[np.floating], y: NDArray[np.floating]) -> Doubles:
    """`values` at places in px, interpolated bilinearly; 0 outside."""
    height, width = values.shape
    x, y = np.clip(x, -1, width).astype(np.float64), np.clip(y, -1, height).astype(np.float64)
    padded = np.pad(values, ((1, 2), (1, 2)))
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, down = x - left, y - top
    sampled: Doubles = np.zeros(x.shape)
    for row, weight_y in ((top, 1 - down), (top + 1, down)):
        for column, weight_x in ((left, 1 - right), (left + 1, right)):
            sampled += weight_y * weight_x * padded[row + 1, column + 1]
    return sampled


def _check_convention(convention: str, known: dict[str, str]) -> None:
    if convention not in known:
        raise InvalidInput(f"convention: expected one of {', '.join(known)}, got {convention!r}")


def _check_clip(
    alphas: Sequence[Floats],
    truths: Sequence[Floats],
    trimaps: Sequence[NDArray[np.uint8]] | None,
    *,
    needs_trimaps: bool,
) -> list[Mask]:
    """The unknown pixels of each frame, if they are needed; raises InvalidInput."""
    if len(alphas) < 2:
        raise InvalidInput(f"alphas: expected at least two frames, got {len(alphas)}")
    counts = {"truths": truths} | ({"trimaps": trimaps or ()} if needs_trimaps else {})
    for name, frames in counts.items():
        if len(frames) != len(alphas):
            raise InvalidInput(f"{name}: expected as many frames as alphas, {len(alphas)}, got {len(frames)}")
    masks = []
    for i, (alpha, truth) in enumerate(zip(alphas, truths, strict=True)):
        try:
            check_alphas(alpha, truth=truth)
            if alpha.shape != alphas[0].shape or not alpha.size:
                raise InvalidInput(f"alpha: expected the size of frame 0, got {list(alpha.shape)}")
            if needs_trimaps and trimaps:
                masks.append(unknown_pixels(check_trimap(trimaps[i], alpha.shape)))
        except InvalidInput as failure:
            raise InvalidInput(f"frame {i}: {failure}") from failure
    return masks
