"""Standard input and output in place of files, for commands that take `-`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dim_trt.errors import Error, InvalidInput

STANDARD = "-"


class Pipes:
    """Files that stand for the two streams while a command runs: decoders and encoders want whole files."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._read_for, self._written_for = "", ""
        self._output: Path | None = None

    def source(self, argument: str, path: Path) -> Path:
        """The path, or for `-` that of a file with all that standard input holds.

        Raises:
            InvalidInput: another argument has read it, or it is a terminal or closed.
        """
        if os.fspath(path) != STANDARD:
            return path
        if self._read_for:
            raise InvalidInput(f"{argument}: standard input is {self._read_for} already; only one can be -")
        if sys.stdin is None or sys.stdin.isatty():
            raise InvalidInput(f"{argument}: expected a picture on standard input, got none; pipe one in")
        self._read_for = argument
        copy = self._folder / "stdin"
        with copy.open("xb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        return copy

    def result(self, argument: str, path: Path, suffix: str) -> Path:
        """The path, or for `-` that of a file with this suffix which `send` writes to standard output.

        Raises:
            InvalidInput: another argument writes there, or it is a terminal.
        """
        if os.fspath(path) != STANDARD:
            return path
        if self._output:
            raise InvalidInput(f"{argument}: standard output is {self._written_for} already; only one can be -")
        if sys.stdout.isatty():
            raise InvalidInput(f"{argument}: standard output is a terminal; pipe it to a program, or name a file")
        self._written_for, self._output = argument, self._folder / f"stdout{suffix}"
        return self._output

    @property
    def writes(self) -> bool:
        """Whether standard output is a result, so that nothing else may be printed there."""
        return self._output is not None

    def send(self) -> None:
        """Write the result to standard output, if one goes there."""
        if self._output:
            sys.stdout.buffer.write(self._output.read_bytes())
            sys.stdout.buffer.flush()


@contextlib.contextmanager
def pipes() -> Iterator[Pipes]:
    """The streams of one command, and at its end away with the files."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="dim_trt-")
    except OSError as failure:
        raise Error(f"cannot make a temporary folder in {tempfile.gettempdir()!r}: {failure.strerror}") from failure
    with folder as name:
        yield Pipes(Path(name))
