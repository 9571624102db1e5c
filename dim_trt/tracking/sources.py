"""Where the trimaps of a clip come from: one for all frames, a folder, another video; carried key frames are in
`dim_trt.tracking.key_frames`. Any object with the methods of `TrimapSource` will do: plug in your own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import InvalidInput
from dim_trt.files import StrPath
from dim_trt.pictures.files import read_unchanged
from dim_trt.pictures.limit import DEFAULT, Limits
from dim_trt.tracking.files import Pairing, gray_pictures, paths_by_frame
from dim_trt.trimaps.files import GIVEN
from dim_trt.trimaps.levels import Levels
from dim_trt.trimaps.rules import ClipReader, GivenTrimap, TrimapRule

U8: TypeAlias = NDArray[np.uint8]
F32: TypeAlias = NDArray[np.float32]
OF_LOSSY = GivenTrimap(margin=16)  # codecs move black and white a little


@dataclass(frozen=True)
class Frame:
    """One picture of a clip.

    index: 0-based position in the clip as read.
    image: [height, width, 3] uint8 BGR.
    time_s: presentation time, None where the clip has none.
    """

    index: int
    image: U8
    time_s: float | None


class TrimapSource(Protocol):
    """A trimap for each frame of a clip, in two steps so that the costly one can run beside the matting.

    A source keeps nothing between frames but what `look` left of the frame before (of more frames: see `Remembers`). So
    a run that goes on at frame n calls look(frame n-1), then look(frame n), and passes the stored alpha of frame n-1.
    """

    needs_previous: bool
    """Whether `trimap` uses the alpha of the frame before."""

    def look(self, frame: Frame) -> Any:
        """The work that needs no alpha, such as optical flow from the frame before.

        Called once for each frame, in order, on one thread, possibly some frames ahead of `trimap`.
        """

    def trimap(self, frame: Frame, seen: Any, previous: F32 | None) -> U8:
        """[height, width] uint8: 0 background, 255 foreground, else unknown.

        `seen` is what `look` returned for this frame; `previous` the alpha [height, width] in 0..1 of the frame before,
        None at the first frame of a clip.
        """

    def close(self) -> None:
        """Lets go of files; also called after a failure."""


@runtime_checkable
class Counted(Protocol):
    """A source that notices when it was made for another clip. Ask with isinstance at the end of the clip."""

    def check_count(self, frame_count: int) -> None:
        """Raises InvalidInput if the clip's frames were fewer than the source's trimaps."""


@runtime_checkable
class Remembers(Protocol):
    """A source whose `look` needs more than the frame before."""

    def first_look(self, index: int) -> int:
        """The frame from which `look` must be called so that a run can go on at frame `index`, for which `trimap` comes
        next. Without it the run goes on, too, but its trimaps can differ from those of a run from the start."""


@runtime_checkable
class Doubts(Protocol):
    """A source that knows how sure its trimaps are. Ask with isinstance."""

    def doubt(self, seen: Any, trimap: U8, alpha: F32) -> float:
        """0..1: the share of the object that nothing supports.

        `seen` is what `look` returned for the frame, `trimap` what `trimap` did, `alpha` [height, width] its matte.
        """


class ConstantTrimap(TrimapSource):
    """The same trimap [height, width] uint8 for every frame: a camera and an object that keep their places."""

    needs_previous = False

    def __init__(self, trimap: U8):
        if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8 or trimap.ndim != 2 or not trimap.size:
            raise InvalidInput("trimap: expected uint8 [height, width]")
        self._trimap = trimap

    def look(self, frame: Frame) -> None:
        require_size(self._trimap, frame, "trimap")

    def trimap(self, frame: Frame, seen: None, previous: F32 | None) -> U8:
        return self._trimap

    def close(self) -> None:
        pass


class TrimapFolder(TrimapSource, Counted):
    """A folder (or pattern) with a picture for each frame.

    Args:
        pictures: the folder, or a pattern such as "trimaps/*.png".
        pairing: "order": the i-th by name is of frame i, numbers in names counting as numbers. "number": the last
            number in the name is the frame's index plus `first_number`.
        first_number: of frame 0, with pairing "number".
        rule: what is in the files; `trimaps.MaskRule()` where they are masks.
        limits: of the files.

    Raises:
        InvalidInput: there are no pictures, a name has no number, or two have the same one.
    """

    needs_previous = False

    def __init__(
        self,
        pictures: StrPath,
        *,
        pairing: Pairing = "order",
        first_number: int = 0,
        rule: TrimapRule = GIVEN,
        limits: Limits = DEFAULT,
    ):
        self._reader, self._limits = ClipReader(rule), limits
        self._paths = paths_by_frame(Path(pictures), pairing, first_number)
        self._place = str(pictures)

    def look(self, frame: Frame) -> U8:
        """Raises InvalidInput: there is no picture for the frame, or it has another size or cannot be read."""
        path = self._paths.get(frame.index)
        if path is None:
            raise InvalidInput(
                f"trimap: expected one for frame {frame.index} in {self._place!r}, found {len(self._paths)}, the last "
                f"for frame {max(self._paths)}; add the missing ones, or give these as key frames"
            )
        picture = read_unchanged(path, self._reader.rule.argument, self._limits)
        return require_size(self._reader.trimap(picture, str(path)), frame, str(path))

    def trimap(self, frame: Frame, seen: U8, previous: F32 | None) -> U8:
        return seen

    def check_count(self, frame_count: int) -> None:
        _require_none_left(max(self._paths) + 1, frame_count, self._place)

    def close(self) -> None:
        pass


class TrimapVideo(TrimapSource, Counted):
    """Another video with a trimap for each frame, by order.

    Args:
        path: any file FFmpeg reads.
        rule: what is in the frames; `trimaps.MaskRule()` where they are masks. None: trimaps, where what is within 16
            of black and white counts as these, as lossy codecs move them a little.

    Raises:
        BackendUnavailable: PyAV is not installed.
        InvalidInput: the file cannot be opened or holds no video.
    """

    needs_previous = False

    def __init__(self, path: StrPath, *, rule: TrimapRule | None = None):
        self._place, self._reader = str(path), ClipReader(rule or OF_LOSSY)
        self._pictures = gray_pictures(Path(path))
        self._ahead: U8 | None = next(self._pictures, None)  # so that a bad file is told at once
        self._index = 0
        if self._ahead is None:
            raise InvalidInput(f"trimap: {self._place!r} has no frame that can be decoded")

    def look(self, frame: Frame) -> U8:
        """Raises InvalidInput: the video is over, or its frames have another size."""
        if frame.index < self._index:
            raise InvalidInput(f"frame: expected {self._index} or a later one, got {frame.index}; frames go in order")
        while self._index < frame.index and self._ahead is not None:
            self._step()
        if self._ahead is None:
            raise InvalidInput(
                f"trimap: expected one for frame {frame.index}, {self._place!r} has only {self._index}; "
                "it must be as long as the clip"
            )
        picture = self._ahead
        self._step()
        return require_size(self._reader.of_levels(Levels(picture, 255), self._place), frame, self._place)

    def trimap(self, frame: Frame, seen: U8, previous: F32 | None) -> U8:
        return seen

    def check_count(self, frame_count: int) -> None:
        while self._ahead is not None:
            self._step()
        _require_none_left(self._index, frame_count, self._place)

    def close(self) -> None:
        self._pictures.close()

    def _step(self) -> None:
        self._ahead = next(self._pictures, None)
        self._index += 1


def require_size(trimap: U8, frame: Frame, place: str) -> U8:
    """The trimap, if it is as large as the frame. Raises InvalidInput."""
    size = frame.image.shape[:2]
    if trimap.shape != size:
        raise InvalidInput(
            f"trimap: {place!r}: expected the size of frame {frame.index}, {list(size)}, got {list(trimap.shape)}"
            + (
                "; height and width look swapped: check --size, or turn the picture"
                if trimap.shape == size[::-1]
                else ""
            )
        )
    return trimap


def _require_none_left(trimap_count: int, frame_count: int, place: str) -> None:
    if trimap_count > frame_count:
        raise InvalidInput(
            f"trimap: {place!r} has trimaps for {trimap_count} frames, but the clip has {frame_count}; they may "
            "belong to another clip or frame rate"
        )
