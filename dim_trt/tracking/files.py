"""Which file or frame of a video belongs to which frame of a clip."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import BackendUnavailable, InvalidInput
from dim_trt.pictures import folders

U8: TypeAlias = NDArray[np.uint8]
Pairing: TypeAlias = Literal["order", "number"]


def gray_pictures(path: Path) -> Generator[U8, None, None]:
    """The frames of a video as [height, width] uint8 in 0..255, turned as its rotation says."""
    try:
        import av
    except ImportError as failure:
        raise BackendUnavailable("video needs PyAV: pip install 'dim_trt[video]'") from failure
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InvalidInput(f"trimap: {str(path)!r} has no video in it")
            for frame in container.decode(container.streams.video[0]):
                gray = frame.to_ndarray(format="rgb24")[:, :, 1]  # by way of RGB: gray would keep a limited range
                yield np.ascontiguousarray(np.rot90(gray, round(frame.rotation / 90)), np.uint8)
    except (av.FFmpegError, OSError) as failure:
        raise InvalidInput(f"trimap: cannot read {str(path)!r}: {failure}") from failure


def paths_by_frame(pictures: Path, pairing: Pairing, first_number: int = 0) -> dict[int, Path]:
    """Frame index to file, see dim_trt.tracking.sources.TrimapFolder."""
    if pairing not in ("order", "number"):
        raise InvalidInput(f"pairing: expected 'order' or 'number', got {pairing!r}")
    paths = folders.list_pictures(pictures)
    if pairing == "order":
        return dict(enumerate(sorted(paths, key=lambda path: _natural(path.stem))))
    by_frame: dict[int, Path] = {}
    for path in paths:
        numbers = re.findall(r"\d+", path.stem)
        index = int(numbers[-1]) - first_number if numbers else -1
        if index < 0:
            raise InvalidInput(f"trimap: {path.name!r}: expected the frame's number from {first_number} in the name")
        if index in by_frame:
            raise InvalidInput(f"trimap: {path.name!r} and {by_frame[index].name!r} are both of frame {index}")
        by_frame[index] = path
    return by_frame


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts frame9 before frame10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
