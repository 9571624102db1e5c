"""Print SAD and MSE of one or several plans on pictures with ground truth, and how far the plans differ."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from dim_trt.cache import shipped_plan
from dim_trt.command import UsageError, add_engine_arguments, run_command
from dim_trt.engine import Engine
from dim_trt.evaluation import alphamatting_samples, evaluate, format_table, write_json
from dim_trt.plan import PRECISIONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--alphamatting", type=Path, required=True, metavar="DIR", help="holds input/, gt/ and the trimap folders"
    )
    parser.add_argument("--trimap-set", default="trimap1", metavar="FOLDER", help="in DIR; default: %(default)s")
    parser.add_argument("--plan", type=Path, nargs="+", help="changes of alpha are printed against the first one")
    parser.add_argument(
        "--precision", choices=PRECISIONS, nargs="+", help="plans of the shipped model instead; default: fp32"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results there")
    add_engine_arguments(parser)


def work(args: argparse.Namespace) -> None:
    if args.plan and args.precision:
        raise UsageError("--plan and --precision exclude each other: --precision is for the shipped model")
    samples = alphamatting_samples(args.alphamatting, args.trimap_set)
    if args.plan:
        plans = {str(path): path for path in args.plan}
    else:
        plans = {precision: shipped_plan(precision, args.device) for precision in args.precision or ["fp32"]}
    engines = {label: Engine(plan, args.device, args.threads) for label, plan in plans.items()}
    table = evaluate(engines, samples, functools.partial(tqdm, unit="picture", leave=False, disable=None))
    print(format_table(table))
    if args.json:
        write_json(args.json, table, args.trimap_set)


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.evaluate") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
