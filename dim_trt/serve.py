"""A page to paint trimaps on, and a service for programs, on this machine: http://127.0.0.1:8000.

Nothing leaves the machine and nothing is kept on its disk. Others reach it with --host and --token alone.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from dim_trt.arguments import file_path
from dim_trt.auto_arguments import add_auto_argument, add_auto_file_options, check_auto
from dim_trt.command import (
    UsageError,
    add_engine_arguments,
    add_picture_arguments,
    engine_options,
    picture_limits,
    run_command,
)
from dim_trt.engine import Engine
from dim_trt.errors import BackendUnavailable
from dim_trt.masks.opening import open_source
from dim_trt.plans.cache import shipped_plan
from dim_trt.precisions import PRECISIONS

LEAST_TOKEN = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; default: %(default)s, this machine alone"
    )
    parser.add_argument("--port", type=port, default=8000, help="0: any that is free; default: %(default)s")
    access = parser.add_mutually_exclusive_group()
    access.add_argument(
        "--token", help=f"what requests must show, {LEAST_TOKEN} characters or more; needed with --host"
    )
    access.add_argument(
        "--no-token", action="store_true", help="let everybody in who reaches --host, as said here aloud"
    )
    parser.add_argument("--name", action="append", default=[], metavar="NAME", help="a host name that it is reached by")
    parser.add_argument(
        "--max-body-mb", type=positive, default=64, metavar="N", help="of a request, in MiB; default: %(default)s"
    )
    parser.add_argument(
        "--queue", type=positive, default=16, metavar="N", help="requests pending at most; default: %(default)s"
    )
    add_auto_argument(parser, "find objects, too, for requests and pages without a trimap")
    add_auto_file_options(parser)
    parser.add_argument("--plan", type=file_path, help="default: the shipped model, built once and cached")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the shipped model's plan; default: fp32")
    add_picture_arguments(parser)
    parser.set_defaults(max_pixels=2**26)
    add_engine_arguments(parser)


def port(text: str) -> int:
    if not (text.isdecimal() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"expected 0 to 65535, got {text!r}")
    return int(text)


def positive(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 2**20):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def work(args: argparse.Namespace) -> None:
    app, settings, server = (serving(name) for name in ("app", "settings", "server"))
    check_usage(args, settings.is_loopback(args.host))
    chosen = settings.Settings(
        token=args.token,
        host=args.host,
        names=frozenset(name.lower() for name in args.name),
        limits=picture_limits(args),
        max_body_bytes=args.max_body_mb << 20,
        queue=args.queue,
    )
    warnings.filterwarnings("ignore", message="trimap: no pixel is known")  # it is in the answer
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    source = open_source(args.auto, size=args.auto_size, normalization=args.auto_norm) if args.auto else None
    engine = Engine(args.plan or shipped_plan(args.precision or "fp32", args.device), **engine_options(args))

    def listening(number: int) -> None:
        host = f"[{args.host}]" if ":" in args.host else args.host
        shown = f"#token={args.token}" if args.token else ""
        print(f"http://{host}:{number}/{shown}", flush=True)

    server.run(app.application(engine, chosen, auto=source), chosen, args.port, listening)


def serving(name: str) -> Any:
    try:
        return import_module(f"dim_trt.serving.{name}")
    except ModuleNotFoundError as failure:
        if str(failure.name).startswith("dim_trt"):
            raise
        raise BackendUnavailable(f"serve needs {failure.name}: pip install 'dim_trt[serve]'") from failure


def check_usage(args: argparse.Namespace, is_loopback: bool) -> None:
    check_auto(args)
    if args.precision and args.plan:
        raise UsageError("--precision chooses the shipped model's plan; a plan given with --plan has its own")
    if not is_loopback and not args.token and not args.no_token:
        raise UsageError(
            f"--host {args.host} can be reached by others: give a --token, or --no-token to let all of them in"
        )
    if args.token is not None and not (
        len(args.token) >= LEAST_TOKEN and args.token.isascii() and args.token.isprintable() and " " not in args.token
    ):
        raise UsageError(f"--token: expected {LEAST_TOKEN} printable ASCII characters or more, without spaces")


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.serve") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
