"""The finished parts of a run: playable files beside the results, with what it takes to go on behind the last one.

`<result>.parts` holds run.json (what the run was asked to do), and for each segment its videos, then number.json (the
frames in it), which is written last: a segment without it is done again. The alpha behind the newest is kept too, as
the trimap of the next frame may come from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dim_trt.errors import Error, InvalidInput
from dim_trt.files import replaced, write_atomic

FRAMES = 120  # of a segment; what a run that is killed loses at most
EDGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Segment:
    """Frames that follow one another: their numbers in the clip, times and durations in ticks."""

    number: int
    indices: list[int]
    pts: list[int]
    durations: list[int]
    ends_clip: bool


class Segments:
    """The folder of a run.

    Args:
        folder: where; made if it is not there.
        asked: what decides the results, as JSON can hold it. A run goes on only where nothing of it changed, but that
            "key frames" (number to what they are) may change behind the last finished frame.

    Raises:
        InvalidInput: the folder holds a run that was asked for something else.
        Error: the folder cannot be read or written, from every method.
    """

    def __init__(self, folder: Path, asked: Mapping[str, Any]):
        self.folder = folder
        note = folder / "run.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.finished = list(self._read()) if note.exists() else []
            if note.exists():
                last = self.finished[-1].indices[-1] if self.finished else -1
                _require_same(json.loads(note.read_text()), json.loads(json.dumps(asked)), last, folder)
            write_atomic(note, [json.dumps(asked, indent=1).encode()])
        except (OSError, ValueError) as failure:
            if isinstance(failure, InvalidInput):
                raise
            raise Error(f"cannot use {str(folder)!r}: {failure}; --restart begins anew") from failure

    @property
    def is_complete(self) -> bool:
        return bool(self.finished) and self.finished[-1].ends_clip

    @property
    def frame_count(self) -> int:
        return sum(len(segment.indices) for segment in self.finished)

    def video(self, number: int, name: str) -> Path:
        """The file of one result, such as "cutout.mov", in a segment."""
        return self.folder / f"{number:05}.{name}"

    def last_alpha(self) -> NDArray[np.float32]:
        """[height, width] of the last finished frame."""
        try:
            with np.load(self._alpha(self.finished[-1].number)) as stored:
                return np.asarray(stored["alpha"], np.float32)
        except (OSError, ValueError, KeyError) as failure:
            raise Error(f"cannot read the last alpha in {str(self.folder)!r}: --restart begins anew") from failure

    def finish(self, segment: Segment, alpha: NDArray[np.float32]) -> None:
        """Counts a segment as done; its videos must be at their places. `alpha` is that of its last frame."""
        with replaced(self._alpha(segment.number)) as temporary, temporary.open("xb") as stream:
            np.savez_compressed(stream, alpha=alpha)
        write_atomic(self._note(segment.number), [json.dumps(asdict(segment)).encode()])
        self.finished.append(segment)
        if segment.number:
            self._alpha(segment.number - 1).unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def discard(folder: Path) -> None:
        """Removes the folder of an earlier run, if it is one."""
        if (folder / "run.json").exists():
            shutil.rmtree(folder)

    def _read(self) -> Sequence[Segment]:
        segments: list[Segment] = []
        while (note := self._note(len(segments))).exists():
            segments.append(Segment(**json.loads(note.read_text())))
        return segments

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:05}.json"

    def _alpha(self, number: int) -> Path:
        return self.folder / f"{number:05}.alpha.npz"


def digest(path: Path) -> str:
    """Of all bytes of a small file."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as failure:
        raise InvalidInput(f"cannot read {str(path)!r}: {failure.strerror}") from failure


def fingerprint(path: Path) -> Any:
    """What changes when a file, or one of a folder's files, does: size and time, and of a file also its two ends."""
    if path.is_dir():
        return fingerprint_of(list(path.iterdir()))
    try:
        with path.open("rb") as stream:
            digest = hashlib.sha256(stream.read(EDGE_BYTES))
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - EDGE_BYTES))
            digest.update(stream.read())
    except OSError as failure:
        raise InvalidInput(f"cannot read {str(path)!r}: {failure.strerror}") from failure
    return [size, path.stat().st_mtime_ns, digest.hexdigest()]


def fingerprint_of(paths: Sequence[Path]) -> Any:
    """What changes when one of the files does."""
    entries = sorted((path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths)
    return [len(entries), hashlib.sha256(repr(entries).encode()).hexdigest()]


def _require_same(before: dict[str, Any], now: dict[str, Any], last: int, folder: Path) -> None:
    """Key frames behind number `last`, the last that is finished, may have come or gone."""
    for asked in (before, now):
        if "key frames" in asked:
            asked["key frames"] = {index: key for index, key in asked["key frames"].items() if int(index) <= last}
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if changed:
        raise InvalidInput(
            f"{str(folder)!r} holds the finished segments of a run with another {', '.join(changed)}; run that one to "
            "its end, or give --restart to begin anew"
        )
