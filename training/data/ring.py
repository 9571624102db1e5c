"""A file that holds the newest of an endless sequence of paintings: number n is in slot n % slots."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from training.data.samples import DataError
from training.scenes.painting import POINTS, paint, version

MAGIC = b"DIMBANK1"
PAGE = 4096  # bytes; the header's, and what arrays begin at multiples of
EMPTY = -1  # the number in a slot that holds nothing, or half of something


class Ring:
    """Arrays in a file, shared by all processes that this one forks.

    numbers: [slots] int64, what each slot holds; families: [slots] int64; points: [slots, POINTS, 2] int16;
    layers, textures: [slots, side, side, 4] uint8; oldest: [1] int64, the lowest number that is still needed.
    A file of the same seed, sizes and painting code is used as it is. Raises DataError.
    """

    def __init__(self, path: Path, seed: tuple[int, ...], slots: int, side: int):
        self.path, self.seed, self.slots, self.side = path, seed, slots, side
        self.file: BinaryIO | None = None
        key = {"seed": list(seed), "slots": slots, "side": side, "painted_by": version()}
        header = (MAGIC + json.dumps(key).encode()).ljust(PAGE)
        shapes: dict[str, tuple[tuple[int, ...], type]] = {
            "oldest": ((1,), np.int64),
            "numbers": ((slots,), np.int64),
            "families": ((slots,), np.int64),
            "points": ((slots, POINTS, 2), np.int16),
            "layers": ((slots, side, side, 4), np.uint8),
            "textures": ((slots, side, side, 4), np.uint8),
        }
        places, end = {}, PAGE
        for name, (shape, kind) in shapes.items():
            places[name] = end
            end += -(-int(np.prod(shape)) * np.dtype(kind).itemsize // PAGE) * PAGE
        content = self._open(header, end)
        arrays: dict[str, NDArray[Any]] = {
            name: np.ndarray(shape, kind, content, places[name]) for name, (shape, kind) in shapes.items()
        }
        self.oldest, self.numbers, self.families = arrays["oldest"], arrays["numbers"], arrays["families"]
        self.points, self.layers, self.textures = arrays["points"], arrays["layers"], arrays["textures"]
        if self._new:
            self.numbers[:] = EMPTY

    def _open(self, header: bytes, size: int) -> NDArray[np.uint8]:
        """The whole file as bytes; its room is taken at once, as a write to a mapped file on a full disk is fatal."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = file = self.path.open("r+b" if self.path.exists() else "x+b")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found, stored = file.read(PAGE), file.seek(0, os.SEEK_END)
            if found and not found.startswith(MAGIC):
                raise DataError(f"{self.path}: in the way of drawn layers, and none of ours; move it, or choose --out")
            self._new = (found, stored) != (header, size)
            if self._new:
                self._make(file, header, size)
            return np.memmap(self.path, np.uint8, "r+")
        except DataError:
            self.close()
            raise
        except BlockingIOError as error:
            self.close()
            raise DataError(f"{self.path}: another run uses it; give each run a folder of its own (--out)") from error
        except OSError as error:
            self.close()
            raise DataError(
                f"{self.path}: cannot keep drawn layers there ({error.strerror or error}); they take {size / 1e6:.0f} "
                "MB: make room, or keep fewer with --bank"
            ) from error

    def _make(self, file: BinaryIO, header: bytes, size: int) -> None:
        file.truncate(0)
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError:
            self.path.unlink()
            raise
        file.seek(0)
        file.write(header)
        file.flush()

    def close(self) -> None:
        """Lets another run have the file; the arrays stay."""
        if self.file is not None:
            self.file.close()

    def holds(self, number: int) -> bool:
        return bool(self.numbers[number % self.slots] == number)

    def holds_all(self, first: int, end: int) -> bool:
        numbers = np.arange(first, end)
        return bool((self.numbers[numbers % self.slots] == numbers).all())

    def free(self, number: int) -> bool:
        """Whether nothing that is still needed is in its slot."""
        return bool(number - self.slots < self.oldest[0])

    def paint(self, number: int) -> None:
        """Fills its slot, unless that is done."""
        if self.holds(number):
            return
        slot, painting = number % self.slots, paint(self.seed, number, self.side)
        self.numbers[slot] = EMPTY  # until all of it is there: then a slot that was torn is painted again
        self.families[slot], self.points[slot] = painting.family, painting.points
        self.layers[slot], self.textures[slot] = painting.layer, painting.texture
        self.numbers[slot] = number
