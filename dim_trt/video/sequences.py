"""Pictures as a clip: a folder, a pattern of names, or an animated WebP, which FFmpeg cannot read."""

from __future__ import annotations

import glob
import re
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from dim_trt.errors import InvalidInput
from dim_trt.pictures.files import read_image
from dim_trt.pictures.folders import is_many
from dim_trt.pictures.limit import DEFAULT
from dim_trt.tracking.files import paths_by_frame
from dim_trt.tracking.sources import Frame
from dim_trt.video.colors import UNSPECIFIED, usual_tags
from dim_trt.video.reading import Clip, ClipFrame, Reader, Unreadable

U8 = NDArray[np.uint8]
RATE = Fraction(25)
NUMBER = re.compile(r"%(0?)(\d*)d")  # as in seq/%04d.png
MILLISECOND = Fraction(1, 1000)


def is_sequence(source: str) -> bool:
    """Whether a name means pictures and not a video."""
    path = Path(source)
    return (
        is_many(path)
        or (bool(NUMBER.search(path.name)) and not path.exists())
        or (path.suffix.lower() == ".webp" and path.is_file())
    )


def list_sequence(source: str) -> list[Path]:
    """The files of a sequence, in order: numbers in names count as numbers.

    Raises:
        InvalidInput: there is none.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    if not NUMBER.search(path.name):
        try:
            return list(paths_by_frame(path, "order").values())
        except InvalidInput as failure:
            raise InvalidInput(f"video: {str(failure).removeprefix('image: ')}") from failure
    before, after = NUMBER.split(path.name)[0], NUMBER.split(path.name)[-1]
    found = {}
    for file in path.parent.glob(f"{glob.escape(before)}*{glob.escape(after)}"):
        digits = file.name[len(before) : len(file.name) - len(after)]
        if digits.isdecimal():
            found[int(digits)] = file
    if not found:
        raise InvalidInput(f"video: {source!r}: expected pictures with numbers in their names, found none")
    return [found[number] for number in sorted(found)]


class PictureReader(Reader):
    """Reads pictures as `VideoReader` reads a video, with the same properties.

    Args:
        source: a folder, a glob pattern, a pattern with a number such as seq/%04d.png, or an animated WebP.
        rate: frames a second; None: 25, or the animation's own times.
        unreadable: as for `VideoReader`.

    Raises:
        InvalidInput: there are no pictures, or the first cannot be read. From `pictures` also for a later one, and for
            one whose size is not that of the first.
    """

    def __init__(self, source: str, *, rate: Fraction | None = None, unreadable: Unreadable = "stop"):
        self._source, self._unreadable, self._rate = source, unreadable, rate or RATE
        self.remarks: list[str] = []
        self._paths = list_sequence(source)
        self._durations_ms: list[int] | None = None
        self._animation: list[U8] | None = None
        if self._paths[0].suffix.lower() == ".webp" and len(self._paths) == 1:
            self._animation, durations_ms = _animation(self._paths[0])
            if rate is None and any(durations_ms):
                self._durations_ms = [max(1, duration) for duration in durations_ms]
                self._rate = Fraction(1000 * len(durations_ms), sum(self._durations_ms))
        first = self._read(0)
        self.clip = Clip(
            size=(first.shape[0], first.shape[1]),
            time_base=1 / self._rate if self._durations_ms is None else MILLISECOND,
            rate=self._rate,
            colors=usual_tags(first.shape[0], first.shape[1], UNSPECIFIED, UNSPECIFIED),
            pixel_aspect=Fraction(1),
            origin=0,
            frame_count=len(self._paths if self._animation is None else self._animation),
        )

    def pictures(self, start: int = 0) -> Generator[ClipFrame, None, None]:
        """The pictures from number `start` on."""
        previous, failed = None, 0
        for index, pts, duration in self._times():
            if index < start:
                continue
            try:
                image = self._read(index)
            except InvalidInput as failure:
                if self._unreadable == "stop":
                    raise InvalidInput(f"{failure}; --unreadable skip or repeat goes on behind it") from failure
                failed += 1
                if self._unreadable == "skip" or previous is None:
                    continue
                image = previous
            if image.shape[:2] != self.clip.size:
                (height, width), size = self.clip.size, image.shape[:2]
                raise InvalidInput(
                    f"video: frame {index} of {self._source!r}: expected {width}x{height} px as the first, got "
                    f"{size[1]}x{size[0]}"
                )
            previous = image
            yield ClipFrame(Frame(index, image, float(pts * self.clip.time_base)), pts, duration)
        if failed:
            count = self.clip.frame_count or 0
            self.remarks.append(f"video: {self._source!r}: expected {count} frames, could read {count - failed}")

    def close(self) -> None:
        self._animation = None

    def _times(self) -> Iterator[tuple[int, int, int]]:
        """(number, pts, duration) of each picture."""
        pts = 0
        for index in range(self.clip.frame_count or 0):
            duration = 1 if self._durations_ms is None else self._durations_ms[index]
            yield index, pts, duration
            pts += duration

    def _read(self, index: int) -> U8:
        if self._animation is not None:
            return self._animation[index]
        return read_image(self._paths[index], f"video: frame {index}")


def _animation(path: Path) -> tuple[list[U8], list[int]]:
    """The pictures, [height, width, 3] uint8 BGR, and how many milliseconds each is shown."""
    pictures, durations_ms = [], []
    try:
        with Image.open(path) as animation:
            DEFAULT.check(animation.height, animation.width)
            for picture in ImageSequence.Iterator(animation):
                pictures.append(np.ascontiguousarray(np.asarray(picture.convert("RGB"))[..., ::-1]))
                durations_ms.append(int(picture.info.get("duration", 0)))
    except InvalidInput as failure:
        raise InvalidInput(f"video: {str(path)!r}: {failure}") from failure
    except (OSError, ValueError, EOFError) as failure:
        raise InvalidInput(f"video: cannot decode {str(path)!r}: it is damaged or no WebP") from failure
    return pictures, durations_ms
