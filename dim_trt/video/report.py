"""How sure a run is of each frame: a line for each in a file, a warning where a matte is lost, or a stop."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import write_atomic

LOGGER = logging.getLogger("dim_trt")
HEADER = "frame,doubt,unknown"
LOST = 0.1  # of doubt
LOST_FRAMES = 3  # in a row, so that one blurred frame is no alarm


class Report:
    """Takes the figures of each frame; a context manager that closes the file.

    Args:
        path: of a CSV file with frame, doubt and unknown share, both 0..1; doubt is empty where trimaps are not
            carried. None: no file.
        last_index: the last frame of an earlier run that is gone on with, whose lines stay; None: from the beginning.
        stop: whether a matte that is lost is an error.
        masks: whether trimaps come from a network's masks, of which doubt says how little they agree.

    Raises:
        Error: the file cannot be written, from every method.
    """

    def __init__(self, path: Path | None, last_index: int | None = None, *, stop: bool = False, masks: bool = False):
        self._path, self._stop, self._since, self._has_warned = path, stop, -1, False
        self._masks = masks
        self._stream: TextIO | None = None
        self.line = ""  # for a progress bar
        if path is not None:
            kept = list(_kept(path, last_index)) if last_index is not None else []
            write_atomic(path, ["\n".join([HEADER, *kept, ""]).encode()], what="report")
            try:
                self._stream = path.open("a", buffering=1)
            except OSError as failure:
                raise self._failed(failure) from failure

    def note(self, index: int, doubt: float | None, unknown: float) -> None:
        """Raises InvalidInput where the matte is lost, with `stop`."""
        if self._stream is not None:
            try:
                self._stream.write(f"{index},{'' if doubt is None else f'{doubt:.3f}'},{unknown:.4f}\n")
            except OSError as failure:
                raise self._failed(failure) from failure
        if doubt is None:
            return
        self.line = f"doubt {doubt:.0%}"
        if doubt <= LOST:
            self._since = -1
            return
        self._since = index if self._since < 0 else self._since
        if index - self._since + 1 < LOST_FRAMES or self._has_warned:
            return
        if self._masks:
            self._has_warned = True
            LOGGER.warning(
                "frame %d: from here on the network's masks disagree about %.0f %% of the object; another network "
                "(--auto), or a mask of the first frame (--mask), may do better",
                self._since,
                100 * doubt,
            )
            return
        what = (
            f"frame {self._since}: from here on part of the matte is a guess, nothing supports {doubt:.0%} of the "
            "object; a key frame of it helps most"
        )
        if self._stop:
            raise InvalidInput(f"{what}: add a trimap or mask of it to a folder for --key-frames and run this again")
        self._has_warned = True
        LOGGER.warning("%s (--key-frames), or a mask for each frame", what)

    def __enter__(self) -> Report:  # noqa: PYI034 (typing.Self came with Python 3.11)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def _failed(self, failure: OSError) -> Error:
        return Error(f"cannot write report {str(self._path)!r}: {failure.strerror}")


def _kept(path: Path, last_index: int) -> Iterator[str]:
    """The lines of an earlier run up to a frame."""
    try:
        lines = path.read_text().splitlines()
    except (OSError, ValueError):
        return
    for line in lines[1:] if lines[:1] == [HEADER] else ():
        number = line.partition(",")[0]
        if number.isdecimal() and int(number) <= last_index:
            yield line
