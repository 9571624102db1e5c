"""Turn dim.onnx into a plan that Engine loads."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from dim_trt.builder import build_plan
from dim_trt.capabilities import BACKENDS
from dim_trt.command import add_precision_argument, run_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--onnx", help="a dim.onnx from training.export; default: the shipped model, 'lite'")
    parser.add_argument("-o", "--output", type=Path, default=Path("dim.plan"), help="default: %(default)s")
    add_precision_argument(parser)
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="default: %(default)s")


def work(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    header = build_plan(args.onnx, args.output, precision=args.precision, backend=args.backend)
    seconds = time.perf_counter() - start
    size = args.output.stat().st_size / 1e6
    print(f"{args.output}  {size:.2f} MB  {header['precision']}  {header['backend']}  built in {seconds:.2f} s")


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.build") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
