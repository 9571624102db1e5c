"""What the values of a trimap, mask or alpha mean, whatever holds them: which channel it is in, and which level is 1.

A picture that could mean two things is refused, with what to do about it; how one was read that is not plain, is a
finding. The message speaks of a command where the picture is a file, and of a function where it is an array.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.arrays import LABELS_BELOW, kind
from dim_trt.trimaps.findings import Finding, found_at

DEEPER = tuple(2**bits - 1 for bits in (10, 12, 14))  # white of what cameras and screens store in 16 bits


@dataclass(frozen=True)
class Levels:
    """[height, width] of any type in 0..`white`, where `white` is 1."""

    values: NDArray[Any]
    white: float
    findings: tuple[Finding, ...] = ()

    def fraction(self) -> NDArray[np.float32]:
        """[height, width] in 0..1."""
        return self.values.astype(np.float32) / np.float32(self.white)


@dataclass(frozen=True)
class Asked:
    """Who asks, for messages.

    argument: what the picture is called: trimap, mask, alpha, truth.
    file: its path; None for an array.
    labels_below: no values but smaller ones are labels.
    """

    argument: str
    file: str | None = None
    labels_below: int = LABELS_BELOW


def levels_of(picture: object, asked: Asked) -> Levels | Finding:
    """The levels of an array as a file holds it, [height, width] or [height, width, channels] with colors in OpenCV's
    order; or why there are none, an error."""
    if not isinstance(picture, np.ndarray) or picture.ndim not in (2, 3) or picture.size == 0:
        return Finding("error", "shape", f"expected [height, width] with sides of at least 1, got {kind(picture)}")
    if picture.dtype not in (np.bool_, np.uint8, np.uint16) and picture.dtype.kind != "f":
        message = f"expected bool, uint8, uint16 or floats in 0..1, got {picture.dtype}"
        return Finding("error", "dtype", message)
    channel = _one_channel(picture, asked)
    if isinstance(channel, Finding):
        return channel
    values, notes = channel
    white = _white(values, asked)
    if isinstance(white, Finding):
        return white
    if values.dtype == np.uint16 and white == 255:
        message = "16 bits that hold 0..255: 255 is taken for white; save it with 8 bits"
        notes = (*notes, Finding("warning", "depth", message))
    return Levels(values, white, notes)


def _one_channel(picture: NDArray[Any], asked: Asked) -> tuple[NDArray[Any], tuple[Finding, ...]] | Finding:
    """Gray levels are what all color channels say; an alpha channel, where these say nothing."""
    if picture.ndim == 2:
        return picture, ()
    count = picture.shape[2]
    if count not in (1, 2, 3, 4):
        return Finding("error", "shape", f"expected 1 to 4 channels, got {count}")
    colors = picture[:, :, : 3 if count > 2 else 1]
    differ: NDArray[np.bool_] = (colors != colors[:, :, :1]).any(2)
    opaque = 1 if picture.dtype.kind in "fb" else np.iinfo(picture.dtype).max
    if count in (1, 3) or (picture[:, :, -1] == opaque).all():
        if differ.any():
            return found_at("error", "colors", _of_colors(picture, asked), differ)
        return np.ascontiguousarray(colors[:, :, 0]), ()
    alpha, gray = np.ascontiguousarray(picture[:, :, -1]), colors[:, :, 0]
    shown = gray[alpha > 0]
    if not differ.any() and shown.size and (shown != shown[0]).any() and (gray != alpha).any():
        message = "gray levels and alpha channel say different things; save the one that is meant, without transparency"
        return Finding("error", "alpha-channel", message)
    return alpha, (Finding("note", "alpha-channel", "the alpha channel is taken, as the colors say nothing else"),)


def _of_colors(picture: NDArray[Any], asked: Asked) -> str:
    message = "expected a grayscale picture, got colors"
    if asked.argument == "trimap":
        function = f"dim-trt trimap scribbles {_named(asked)}" if asked.file else "from_scribbles"
        return f"{message}; if these are strokes, {function} makes a trimap"
    if asked.argument == "mask" and asked.file and picture.dtype == np.uint8:
        seen = np.unique(picture[:, :, :3].reshape(-1, 3), axis=0)
        if len(seen) == 2:  # an object in a color of its own
            blue, green, red = max(seen.tolist(), key=sum)
            color = f"#{red:02x}{green:02x}{blue:02x}"
            return f"{message}; dim-trt trimap mask {_named(asked)} --object '{color}' makes a trimap of one color"
    return message


def _white(values: NDArray[Any], asked: Asked) -> float | Finding:
    if values.dtype == np.bool_:
        return 1.0
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:  # false for NaN
            return 1.0
        remedy = f"; divide by {255 if high <= 255 else 65535}" if low >= 0 and high > 1 else ""
        return Finding("error", "range", f"expected floats in 0..1, got some outside or NaN{remedy}")
    full, largest = float(np.iinfo(values.dtype).max), int(values.max())
    if 0 < largest < asked.labels_below:
        return Finding("error", "labels", _of_labels(values, asked), values.size)
    if values.dtype == np.uint8 or largest == 0:
        return full
    if largest == 255:
        return 255.0
    if largest < 255 or largest in DEEPER:
        message = f"16 bits whose largest value is {largest}, where white is 65535; save it with 8 bits, or scale it"
        return Finding("error", "depth", message)
    return full


def _of_labels(values: NDArray[Any], asked: Asked) -> str:
    present = np.unique(values).tolist()
    message = f"the values are {', '.join(map(str, present[:6]))}: labels, of which none is white"
    if asked.argument != "trimap" or present in ([0, 1], [1]):
        label = present[-1]
        if asked.file is None:
            return f"{message}; pass {asked.argument} == {label} for the object of this label"
        if asked.argument not in ("trimap", "mask"):
            return f"{message}; scale it to 0..255"
        return f"{message}; dim-trt trimap mask {_named(asked)} --object {label} makes a trimap of this label's object"
    # 1, 2, 3 is how the Oxford-IIIT Pet data set counts
    background, unknown, foreground = (2, 3, 1) if present == [1, 2, 3] else (0, 1, 2)
    if asked.file is None:
        numbers = f"background={background}, unknown={unknown}, foreground={foreground}"
        return f"{message}; from_labels({asked.argument}, {numbers}) makes a trimap, if this is what they stand for"
    numbers = f"--background {background} --unknown {unknown} --foreground {foreground}"
    return f"{message}; dim-trt trimap labels {_named(asked)} {numbers} makes a trimap, if this is what they stand for"


def _named(asked: Asked) -> str:
    return shlex.quote(asked.file or "")
