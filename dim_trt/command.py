"""What every command line shares: errors become one line on stderr and an exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from dim_trt.arguments import megabytes, thread_count
from dim_trt.engine_options import ORIENTATIONS
from dim_trt.errors import Error, InvalidInput
from dim_trt.pictures.limit import MAX_PIXELS, Limits
from dim_trt.precisions import PRECISIONS
from dim_trt.terminal import abandon_output, complain, flush_output, logs_on_stderr, prepare_streams
from dim_trt.trimaps import DILATE, ERODE, HIGH, LOW, GivenTrimap, MaskRule, TrimapRule

USAGE = 2  # argparse's own exit code
NO_THREADS = (
    "the system gives this process no more threads (ulimit -u, or the container's limit); end others, or take fewer "
    "with --threads"
)
MASK_OPTIONS = ("erode", "dilate", "low", "high")


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
    warnings.formatwarning = lambda message, *_args, **_kwargs: f"warning: {message}\n"

    def parse_and_work() -> None:
        args = parser.parse_args(argv)
        try:
            with logs_on_stderr(args.verbose), ends_well_when_terminated():
                work(args)
        except UsageError:
            parser.print_usage(sys.stderr)
            raise

    return exit_code(parse_and_work)


def exit_code(work: Callable[[], None]) -> int:
    """Do the work; whatever goes wrong is one line on stderr and a code: 1, or 2 for wrong usage."""
    prepare_streams()
    try:
        try:
            work()
        finally:  # of argparse's help as well
            flush_output()
    except UsageError as failure:
        return _fail(failure, USAGE)
    except Error as failure:
        return _fail(failure, 1)
    except MemoryError:
        return _fail("not enough memory for a picture of this size", 1)
    except BrokenPipeError:  # the reader, for example `head`, has seen enough
        abandon_output()
        return 1
    except OSError as failure:  # of printing: files have errors of their own
        abandon_output()
        return _fail(f"cannot print: {failure.strerror or failure}", 1)
    except RuntimeError as failure:
        if "start new thread" not in str(failure):
            raise
        return _fail(NO_THREADS, 1)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


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
    parser.add_argument("--threads", type=thread_count, metavar="N", help=f"CPU threads; default: {threads}")
    parser.add_argument(
        "--memory-limit-mb",
        type=megabytes,
        metavar="N",
        help="working memory beside the plan and the picture, on the CPU; larger pictures are run in tiles, with the "
        "same alpha; 0: as much as it takes; default: 448, or a quarter of the memory there is",
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
        action=Best,
        nargs=0,
        default=argparse.SUPPRESS,
        help=f"the same as --orientations {max(ORIENTATIONS)} --closed-form",
    )
    parser.add_argument(
        "--closed-form",
        action="store_true",
        help="closed-form matting goes on from the network's alpha: better, for about twice the time",
    )


class Best(argparse.Action):
    """All that makes alpha better."""

    def __call__(self, _parser: object, namespace: argparse.Namespace, *_: object) -> None:
        namespace.orientations, namespace.closed_form = max(ORIENTATIONS), True


def default_result(name: str) -> Path:
    """Where a result goes that was given no name: one that is not there yet, as only named files are replaced."""
    path = Path(name)
    if os.path.lexists(path):
        raise InvalidInput(f"output: {name!r} is there already; -o {name} replaces it, another name keeps it")
    return path


def engine_options(args: argparse.Namespace) -> dict[str, Any]:
    """What `add_engine_arguments` asked for, as Engine's arguments."""
    names = ("device", "threads", "memory_limit_mb", "orientations", "closed_form")
    return {name: getattr(args, name) for name in names}


def add_mask_arguments(parser: argparse.ArgumentParser) -> None:
    """How --mask is read; `trimap_rule` says it."""
    for name, default in (("--erode", ERODE), ("--dilate", DILATE)):
        parser.add_argument(
            name,
            metavar="RADIUS",
            help=f"of --mask, in pixels (7) or of the object's size (2%%); default: {default.replace('%', '%%')}",
        )
    for name, what, default_ in (
        ("--low", "at most this is outside", LOW),
        ("--high", "at least this is inside", HIGH),
    ):
        parser.add_argument(name, type=float, metavar="ALPHA", help=f"of --mask, 0 to 1: {what}; default: {default_}")


def trimap_rule(args: argparse.Namespace) -> TrimapRule:
    """What --trimap or --mask means; raises UsageError for options that go with the other one."""
    chosen = {name: value for name in MASK_OPTIONS if (value := getattr(args, name)) is not None}
    if args.mask:
        return MaskRule(**chosen)
    if chosen:
        raise UsageError("--erode, --dilate, --low and --high go with --mask")
    return GivenTrimap()


def add_picture_arguments(parser: argparse.ArgumentParser) -> None:
    """What `picture_limits` says of files that are read."""
    parser.add_argument(
        "--max-pixels",
        type=int,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse files of larger pictures, before they are decoded; default: %(default)s",
    )
    parser.add_argument(
        "--accept-damaged",
        action="store_true",
        help="take what can be read of a damaged file, with a warning; it counts as a failure otherwise",
    )


def picture_limits(args: argparse.Namespace) -> Limits:
    """What `add_picture_arguments` asked for."""
    return Limits(args.max_pixels, args.accept_damaged)


def add_depth_arguments(parser: argparse.ArgumentParser, where: str = "") -> None:
    """`where`: which files can hold 16 bits, if that is not plain."""
    for name, what in (("alpha", "alpha"), ("color", "cutouts and composites")):
        parser.add_argument(f"--{name}-depth", type=int, choices=(8, 16), help=f"bits of {what}{where}; default: 8")


def add_precision_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="fp32",
        help="of the arithmetic; the CPU's is fp32 and takes it for the weights alone; default: %(default)s",
    )


def _fail(reason: object, code: int) -> int:
    complain(reason)
    return code
