"""Turn dim.onnx into a plan that Engine loads."""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence

from dim_trt.arguments import SIZE_FORMAT, file_path, parse_size
from dim_trt.capabilities import BACKENDS
from dim_trt.command import add_precision_argument, default_result, run_command
from dim_trt.places import check_places
from dim_trt.plans.builder import build_plan
from dim_trt.plans.tensorrt_options import TUNINGS, UNPOOL, TensorRtOptions
from dim_trt.precisions import PRECISIONS, in_words

SIZES = {
    "min": "smallest picture; default: 1x1",
    "opt": "size to be fastest at; default: that of --tuned-for",
    "max": "largest picture; default: that of --tuned-for",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--onnx", help="from training.export or elsewhere; default: the shipped model, 'lite'")
    parser.add_argument(
        "--preprocessing",
        metavar="CHOICE",
        help="of an ONNX file from elsewhere, which does not say it: imagenet, raw-bgr, or a JSON file",
    )
    parser.add_argument("-o", "--output", type=file_path, help="default: dim.plan, if it is new")
    add_precision_argument(parser)
    stored = "how a plan for the CPU stores them; default: as --precision"
    parser.add_argument("--weights", choices=PRECISIONS, help=stored)
    parser.add_argument("--backend", choices=BACKENDS, default="auto", help="default: %(default)s")
    add = parser.add_argument_group("for int8").add_argument
    add("--calibration", type=file_path, metavar="DIR", help="pictures to calibrate with; default: eight drawn scenes")
    add("--threshold", type=float, help="most that int8 may change alpha on average; default: 0.003")
    add = parser.add_argument_group("for the tensorrt backend").add_argument
    add("--tuned-for", choices=TUNINGS, help="the size to be fastest at, and with it the largest; default: 1080p")
    for name, what in SIZES.items():
        add(f"--{name}-size", type=parse_size, metavar=SIZE_FORMAT, help=what)
    add("--unpool", choices=UNPOOL, help="CUDA plugins, or TensorRT's own layers; default: plugin")
    add("--gpu", type=int, metavar="N", help="the GPU to build for; default: 0")
    add("--workspace-mb", type=int, metavar="MB", help="most scratch memory of one layer")
    add("--optimization-level", type=int, metavar="0..5", help="5 builds longest; default: 3")
    add("--timing-cache", type=file_path, metavar="FILE", help="default: one in the cache folder")
    add("--report", type=file_path, metavar="FILE", help="also write which layer computes in which precision and why")
    add("--layers-json", type=file_path, metavar="FILE", help="also write what TensorRT chose for each layer")


def chosen_options(args: argparse.Namespace) -> TensorRtOptions | None:
    """What was chosen for TensorRT; None if nothing was."""
    names = {field.name for field in dataclasses.fields(TensorRtOptions)} - {"calibration", "threshold"}  # of int8
    chosen = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return TensorRtOptions(**chosen) if chosen else None


def work(args: argparse.Namespace) -> None:
    start = time.perf_counter()
    options = chosen_options(args)
    output = args.output or default_result("dim.plan")
    written = {
        "output": output,
        "report": args.report,
        "layers_json": args.layers_json,
        "timing_cache": args.timing_cache,
    }
    read = {"onnx": args.onnx, "preprocessing": args.preprocessing}
    check_places(*([(name, path) for name, path in places.items() if path] for places in (written, read)))
    header = build_plan(args.onnx, output, precision=args.precision, weights=args.weights, backend=args.backend,
                        tensorrt=options, preprocessing=args.preprocessing, calibration=args.calibration,
                        threshold=args.threshold)  # fmt: skip
    seconds = time.perf_counter() - start
    size = output.stat().st_size / 1e6
    numbers = in_words(header["precision"], header["weights"])
    print(f"{output}  {size:.2f} MB  {numbers}  {header['backend']}  built in {seconds:.2f} s")
    if origin := header.get("tensorrt"):
        sides = ", ".join(f"{name} {width}x{height} px" for name, (height, width) in header["shapes"].items())
        print(f"TensorRT {origin['version']}, {origin['gpu']}, {sides}; convolutions: {origin['convolutions']}")


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.build") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
