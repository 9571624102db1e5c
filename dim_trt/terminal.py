"""What commands print to: any terminal, any encoding, a pipe that somebody closed, or nothing at all."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
from collections.abc import Iterator


def prepare_streams() -> None:
    """Make the three standard streams usable: those that are closed swallow what is written to them, and characters
    that an encoding does not have are printed as escapes."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:  # closed; else the next file that is opened would get its number, and what C code prints
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 (for as long as we run)
        elif isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> None:
    """Now, where a failure can be told; the interpreter would do it at its end."""
    if sys.stdout is not None:
        sys.stdout.flush()


def abandon_output() -> None:
    """Nobody reads standard output any more: nothing is written there at the interpreter's end."""
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)


def print_text(text: str) -> None:
    """Print what was asked for; a reader that has gone is no failure."""
    prepare_streams()
    try:
        print(text)
        flush_output()
    except BrokenPipeError:
        abandon_output()


def complain(reason: object) -> None:
    """One line on standard error, if somebody reads it."""
    with contextlib.suppress(OSError, ValueError):
        print(f"error: {reason}", file=sys.stderr)


@contextlib.contextmanager
def logs_on_stderr(verbose: bool) -> Iterator[None]:
    """Warnings of the package, and with `verbose` all that it says, are lines on stderr, each once; then the logger
    is as it was."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logger, once = logging.getLogger("dim_trt"), _Once()
    before = logger.level
    logger.setLevel(logging.INFO if verbose else logging.WARNING)
    logger.addFilter(once)
    try:
        yield
    finally:
        logger.removeFilter(once)
        logger.setLevel(before)


class _Once(logging.Filter):
    """Lets each message through once: several engines in one command say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        is_new = message not in self.said
        self.said.add(message)
        return is_new
