"""What the next key frame says of the frames before it: a second pass over the clip, stretch by stretch."""

from __future__ import annotations

import logging
import os
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error, InvalidInput
from dim_trt.tracking.anchors import UNTRACKED_PX, Anchor
from dim_trt.tracking.flow import U8, Watcher, small_picture
from dim_trt.tracking.sources import Frame, require_size

Reread: TypeAlias = Callable[[int], Generator[Frame, None, None]]
LOGGER = logging.getLogger("dim_trt")
LARGEST_PX = 6e4  # that is stored; half precision is exact where it matters, near the edges


class Backwards:
    """Anchors of the next key frame for the frames before it.

    Before the first frame of a stretch the frames up to its key are read, their small pictures kept, and the key's
    trimap carried back through them. Both are in temporary files, compressed: memory does not grow with the stretch.

    Args:
        keys: frame index to trimap [height, width] uint8.
        reread: gives the frames of the clip from a number on, each time it is called; they are closed at the end.
        finds_cuts: nothing is carried over a cut.
    """

    def __init__(self, keys: Mapping[int, U8], reread: Reread, *, finds_cuts: bool):
        self._keys, self._reread, self._finds_cuts = keys, reread, finds_cuts
        self._key = -1  # the end of the stretch that is in the file
        self._frames: Generator[Frame, None, None] | None = None
        self._next = 0  # the first frame that `_frames` may still give
        self._pictures, self._anchors = _Arrays(), _Arrays()

    def anchor(self, index: int) -> Anchor | None:
        """What the next key says of frame `index`; None where there is no key, or a cut between. Frames go in order.

        Raises:
            Error: there is no room for temporary files.
            InvalidInput: the key's size is not the frame's.
        """
        if index > self._key:
            following = [key for key in self._keys if key >= index]
            if not following:
                self.close()
                return None
            self._key = min(following)
            try:
                self._prepare(index)
            except OSError as failure:
                raise Error(
                    f"cannot carry key frame {self._key} back: no temporary file in {tempfile.gettempdir()!r}: "
                    f"{failure.strerror}; TMPDIR names another folder"
                ) from failure
        return _unpacked(self._anchors.get(index)) if index in self._anchors else None

    def close(self) -> None:
        self._pictures.close()
        self._anchors.close()
        if self._frames is not None:
            self._frames.close()

    def _prepare(self, start: int) -> None:
        """From frame `start` to the key."""
        self._pictures.close()
        self._anchors.close()
        indices, anchor, size = [], None, (0, 0)
        for frame in self._between(start):
            size = (frame.image.shape[0], frame.image.shape[1])
            if frame.index == self._key:
                anchor = Anchor.at(require_size(self._keys[self._key], frame, f"key frame {self._key}"))
            self._pictures.put(frame.index, small_picture(frame.image))
            indices.append(frame.index)
        watcher = Watcher()
        for index in reversed(indices):
            motion = watcher.motion_of_small(self._pictures.get(index), size)
            if anchor is None or (motion and motion.cut and self._finds_cuts):
                break
            if motion:
                anchor = anchor.carried(motion)
            self._anchors.put(index, _packed(anchor))
        self._pictures.close()

    def _between(self, start: int) -> Iterator[Frame]:
        if self._frames is None or self._next > start:
            self._frames = self._reread(start)
        try:
            for frame in self._frames:
                self._next = frame.index + 1
                if frame.index >= start:
                    yield frame
                if frame.index >= self._key:
                    return
        except InvalidInput as failure:  # the first pass, when it gets there, says so
            LOGGER.debug("frames before key frame %d cannot be read: %s", self._key, failure)


class _Arrays:
    """Arrays by number in a temporary file."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._entries: dict[int, tuple[int, int, tuple[int, ...], np.dtype[Any]]] = {}

    def put(self, number: int, array: NDArray[Any]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="dim_trt-")  # noqa: SIM115 (close() closes it)
        data = zlib.compress(np.ascontiguousarray(array).data, 1)
        self._entries[number] = (self._file.seek(0, os.SEEK_END), len(data), array.shape, array.dtype)
        self._file.write(data)

    def __contains__(self, number: int) -> bool:
        return number in self._entries

    def get(self, number: int) -> NDArray[Any]:
        assert self._file is not None
        place, size, shape, dtype = self._entries[number]
        self._file.seek(place)
        return np.frombuffer(zlib.decompress(self._file.read(size)), dtype).reshape(shape)

    def close(self) -> None:
        """Forgets all of them."""
        self._entries.clear()
        if self._file is not None:
            self._file.close()
        self._file = None


def _packed(anchor: Anchor) -> NDArray[np.float16]:
    fields = np.stack([anchor.outside_px, anchor.inside_px, anchor.doubt_px, anchor.strange])
    return np.clip(fields, -LARGEST_PX, LARGEST_PX).astype(np.float16)


def _unpacked(fields: NDArray[np.float16]) -> Anchor:
    outside, inside, doubt, strange = fields.astype(np.float32)
    return Anchor(outside, inside, np.where(doubt >= LARGEST_PX, np.float32(UNTRACKED_PX), doubt), strange)
