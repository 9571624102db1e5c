"""What every command line shares: errors become one line on stderr and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dim_trt.engine_options import ORIENTATIONS
from dim_trt.errors import Error
from dim_trt.pictures.limit import MAX_PIXELS, limit_pixels
from dim_trt.precisions import PRECISIONS

SIZE_FORMAT = "WIDTHxHEIGHT"
USAGE = 2  # argparse's own exit code


class UsageError(Exception):
    """Arguments that do not go together."""


def run_command(
    prog: str,
    description: str | None,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    work: Callable[[argparse.Namespace], None],
    argv: Sequence[str] | None,
) -> int:
    """Parse `argv` (None: the process's) and do the work; the exit code is 0, 1 after an error, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.set_defaults(verbose=False)
    add_verbose_argument(parser)
    add_arguments(parser)
    args = parser.parse_args(argv)
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"warning: {message}\n"
    try:
        with (
            logs_on_stderr(args.verbose),
            ends_well_when_terminated(),
            limit_pixels(getattr(args, "max_pixels", MAX_PIXELS)),
        ):
            work(args)
        sys.stdout.flush()
    except UsageError as failure:
        parser.print_usage(sys.stderr)
        return _fail(failure, USAGE)
    except Error as failure:
        return _fail(failure, 1)
    except MemoryError:
        return _fail("not enough memory for a picture of this size", 1)
    except BrokenPipeError:  # the reader, for example `head`, has seen enough
        sys.stderr.close()
        return 1
    except OSError as failure:  # of printing: files have errors of their own
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter would try once more at its end
        return _fail(f"cannot print: {failure.strerror or failure}", 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


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


@contextlib.contextmanager
def ends_well_when_terminated() -> Iterator[None]:
    """SIGTERM, of a service manager say, ends the block as an interrupt would: temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():  # which alone may change what signals do
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def add_verbose_argument(parser: argparse.ArgumentParser) -> None:
    """Of the command, and of each command in it."""
    parser.add_argument(
        "--verbose",
        action="store_true",
        default=argparse.SUPPRESS,
        help="also say what was chosen and built, on stderr",
    )


def add_engine_arguments(parser: argparse.ArgumentParser, threads: str = "all cores") -> None:
    """`threads`: what none given means."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N; default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="N", help=f"CPU threads; default: {threads}")
    parser.add_argument(
        "--memory-limit-mb",
        type=int,
        metavar="N",
        help="working memory beside the plan and the picture, on the CPU; larger pictures are run in tiles, with the "
        "same alpha; default: as much as it takes",
    )
    views = parser.add_mutually_exclusive_group()
    views.add_argument(
        "--orientations",
        type=int,
        choices=ORIENTATIONS,
        default=1,
        help="alpha is the mean over the picture, with 2 its mirror image too, with 8 both turned by each quarter: "
        "better, for so many times the work; default: %(default)s",
    )
    views.add_argument(
        "--best",
        action="store_const",
        const=max(ORIENTATIONS),
        default=argparse.SUPPRESS,
        dest="orientations",
        help=f"the same as --orientations {max(ORIENTATIONS)}",
    )


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """What `add_engine_arguments` asked for, as Engine's arguments."""
    names = ("device", "threads", "memory_limit_mb", "orientations")
    return {name: getattr(args, name) for name in names}


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """`run_command` refuses larger pictures when they are read."""
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse files of larger pictures, before they are decoded; default: %(default)s",
    )


def add_depth_arguments(parser: argparse.ArgumentParser, where: str = "") -> None:
    """`where`: which files can hold 16 bits, if that is not plain."""
    for name, what in (("alpha", "alpha"), ("color", "cutouts and composites")):
        parser.add_argument(f"--{name}-depth", type=int, choices=(8, 16), help=f"bits of {what}{where}; default: 8")


def add_precision_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of the weights on the CPU, of the arithmetic on a GPU; default: %(default)s",
    )


def parse_size(text: str) -> tuple[int, int]:
    """ "1920x1080", width first as cameras, screens and FFmpeg write it, as (height, width)."""
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"expected {SIZE_FORMAT} such as 1920x1080, got {text!r}")
    return int(match[2]), int(match[1])


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


def _fail(reason: object, code: int) -> int:
    print(f"error: {reason}", file=sys.stderr)
    return code
