"""Check a plan file and say what is in it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dim_trt import _core
from dim_trt.arguments import file_path
from dim_trt.command import run_command
from dim_trt.errors import InvalidInput
from dim_trt.files import write_atomic
from dim_trt.places import check_places
from dim_trt.plans.header import read_header


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", help="written by build; it is read and checked whole")
    parser.add_argument("--json", action="store_true", help="the header as JSON")
    parser.add_argument(
        "--extract",
        type=file_path,
        metavar="FILE",
        help="also write the TensorRT engine alone, for trtexec --loadEngine",
    )


def work(args: argparse.Namespace) -> None:
    if args.extract:
        check_places([("extract", args.extract)], [("plan", args.plan)])
    header = read_header(args.plan)
    if args.extract:
        if header["backend"] != "tensorrt":
            raise InvalidInput(f"extract: the plan holds no TensorRT engine, it is for the {header['backend']} backend")
        write_atomic(args.extract, [_core.read_plan_payload(args.plan)], what="engine")
    size = Path(args.plan).stat().st_size
    if args.json:
        print(json.dumps({"path": args.plan, "file_bytes": size, **header}, indent=1))
        return
    print(f"{'file':28}{args.plan}, {size / 1e6:.2f} MB, SHA-256 is right")
    for name, value in flat(header):
        print(f"{name:28}{value}")


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested entries with dotted names."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, ", ".join(map(str, value)) if isinstance(value, list) else value


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.info") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
