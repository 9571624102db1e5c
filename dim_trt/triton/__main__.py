"""Make a plan a model of NVIDIA's Triton server: a folder for tritonserver --model-repository.

The server needs its Python backend, and this package installed for the Python that it runs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from dim_trt.arguments import file_name, file_path, whole_number
from dim_trt.command import add_engine_arguments, engine_options, run_command
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.plans.header import read_header
from dim_trt.triton.ensemble import plugin_library, write_ensemble
from dim_trt.triton.repository import write_model

MOST_INSTANCES = 1024
OF_ENGINES = {"threads": None, "memory_limit_mb": None, "orientations": 1, "closed_form": False}  # and their defaults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", type=file_path, help="written by build")
    parser.add_argument("-o", "--output", type=file_path, required=True, metavar="REPOSITORY", help="folder of models")
    parser.add_argument("--name", type=file_name, default="matting", help="of the model; default: %(default)s")
    parser.add_argument(
        "--instances",
        type=lambda text: whole_number(text, 1, MOST_INSTANCES),
        default=1,
        metavar="N",
        help="pictures at a time, each with threads and memory of its own; on GPUs, on each; default: %(default)s",
    )
    parser.add_argument(
        "--color",
        choices=("bgr", "rgb"),
        default="bgr",
        help="channel order of clients' pictures; default: %(default)s",
    )
    parser.add_argument(
        "--max-pixels", type=lambda text: whole_number(text, 1, 2**62), metavar="N", help="of a picture; default: any"
    )
    parser.add_argument(
        "--ensemble",
        action="store_true",
        help="of a plan for TensorRT: the network in Triton's own TensorRT backend, and models before and behind it; "
        "without the engine's tiles and its options",
    )
    add_engine_arguments(parser)


def work(args: argparse.Namespace) -> None:
    header = read_header(args.plan)
    backend, chosen = header["backend"], engine_options(args)
    if header.get("task", "matting") != "matting":
        raise InvalidInput(f"plan: expected one for matting, got one for {header['task']}")
    if args.device not in ("auto", "cpu" if backend == "cpu" else "cuda"):
        raise InvalidInput(f"device: the plan is one of the {backend} backend, and Triton says which GPU; leave it out")
    common = {"color": args.color, "max_pixels": args.max_pixels}
    place: dict[str, Any] = {"name": args.name, "instances": args.instances}
    serve = f"tritonserver --model-repository {args.output.resolve()}"
    if args.ensemble:
        if given := [name for name, default in OF_ENGINES.items() if chosen[name] != default]:
            raise InvalidInput(f"ensemble: --{given[0].replace('_', '-')} is of the engine, which does not run there")
        folder = write_ensemble(args.output, args.plan, header, options=common, **place)
        print(f"{folder}  {serve} --backend-config tensorrt,plugins={plugin_library(header)}")
        return
    del chosen["device"]
    options = {**chosen, **common}
    if backend == "cpu":
        Engine(args.plan, "cpu", **options).close()  # so that what it refuses is said here
    folder = write_model(args.output, args.plan, backend=backend, options=options, **place)
    print(f"{folder}  {serve}")


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.triton") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
