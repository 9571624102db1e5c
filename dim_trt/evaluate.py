"""Score plans, or the alphas of any other tool, on pictures with ground truth: SAD, MSE, MAD, gradient, connectivity.

The pictures lie in the layout of alphamatting.com, Composition-1k, AIM-500, P3M-500, or in image/, trimap/, alpha/.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from dim_trt.arguments import file_path
from dim_trt.auto_arguments import AUTO_OPTIONS, add_auto_argument, add_auto_options, automatic, check_auto
from dim_trt.command import (
    UsageError,
    add_engine_arguments,
    add_picture_arguments,
    engine_options,
    picture_limits,
    run_command,
)
from dim_trt.engine import Engine
from dim_trt.errors import InvalidInput
from dim_trt.masks.automatic import Automatic
from dim_trt.pictures.files import check_format, write_image
from dim_trt.places import check_places
from dim_trt.plans.cache import shipped_plan
from dim_trt.precisions import PRECISIONS
from dim_trt.scoring.automatic import automatic_methods
from dim_trt.scoring.contact_sheet import Bgr, Row, contact_sheet
from dim_trt.scoring.datasets import LAYOUTS, TRIMAP_SET, TruthFiles, find_samples, pictures
from dim_trt.scoring.evaluation import (
    Known,
    Method,
    engine_method,
    evaluate,
    prediction_method,
    read_content,
    saving,
)
from dim_trt.scoring.metrics import AREAS, METRICS
from dim_trt.scoring.scores import SHORT, Scores, format_table, read_json, write_csv, write_json

SAVE_EVERY_S = 5.0  # what a run that is killed loses of --json
progress_bar = functools.partial(tqdm, unit="picture", leave=False, disable=None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", type=file_path, metavar="DIR", help="the data set's folder")
    data.add_argument(
        "--alphamatting", type=file_path, metavar="DIR", help="the same as --data DIR --layout alphamatting"
    )
    parser.add_argument("--layout", choices=("auto", *LAYOUTS), default="auto", help="default: the one that is there")
    parser.add_argument("--trimap-set", metavar="FOLDER", help=f"of alphamatting; default: {TRIMAP_SET}")
    parser.add_argument("--plan", type=file_path, nargs="+", help="changes of alpha are printed against the first one")
    parser.add_argument(
        "--precision", choices=PRECISIONS, nargs="+", help="plans of the shipped model instead; default: fp32"
    )
    parser.add_argument(
        "--predictions", type=file_path, metavar="DIR", help="score these alphas instead of running a plan"
    )
    add_auto_argument(parser)
    add_auto_options(parser)
    parser.add_argument(
        "--area", choices=AREAS, help="of the pictures that is compared; default: unknown, with --auto whole"
    )
    parser.add_argument("--json", type=file_path, metavar="FILE", help="also write the scores of every picture there")
    parser.add_argument("--csv", type=file_path, metavar="FILE", help="the same as a table")
    parser.add_argument(
        "--sheet", type=file_path, metavar="PNG", help="write a contact sheet of the first plan's worst"
    )
    parser.add_argument("--worst", type=int, default=10, metavar="N", help="pictures to list; default: %(default)s")
    parser.add_argument("--sort", choices=METRICS, default="sad", help="what the worst is; default: %(default)s")
    parser.add_argument(
        "--save", type=file_path, metavar="DIR", help="write the alphas there, and score what was written"
    )
    parser.add_argument(
        "--alpha-depth", type=int, choices=(8, 16), help="of --save, 8 as in published tables; default: 16"
    )
    parser.add_argument("--resume", action="store_true", help="keep what is in --json and --save if it is still right")
    add_picture_arguments(parser)
    add_engine_arguments(parser)


def work(args: argparse.Namespace) -> None:
    check_arguments(args)
    args.area = args.area or ("whole" if args.auto else "unknown")
    layout, samples = find_samples(
        args.alphamatting or args.data, "alphamatting" if args.alphamatting else args.layout, args.trimap_set
    )
    check_results(args, samples)
    auto = automatic(args) if args.auto else None
    methods = choose_methods(args, samples, auto)
    known = read_json(args.json) if args.resume and args.json else {}
    table = [method.scores for method in methods]
    write = functools.partial(write_results, args, table, known, layout, len(samples))
    try:
        evaluate(
            methods,
            samples,
            args.area,
            known,
            progress=progress_bar,
            after_each=every(write),
            limits=picture_limits(args),
        )
    finally:
        write()
    report_resumed(table, known, len(samples))
    better = f", alpha the mean over {args.orientations} orientations" if args.orientations > 1 else ""
    better += ", by closed-form matting from the network's alpha on" if args.closed_form else ""
    print(f"{layout}, {len(samples)} pictures{better}")
    print(format_table(table, args.area, metric=args.sort, count=args.worst))
    if args.csv:
        write_csv(args.csv, table)
    if args.sheet:
        write_image(args.sheet, draw_sheet(methods[0], samples, args, auto), "sheet")


def check_arguments(args: argparse.Namespace) -> None:
    """Raises UsageError for arguments that do not go together, Error for files that could not be written in the end."""
    if args.plan and args.precision:
        raise UsageError("--plan and --precision exclude each other: --precision is for the shipped model")
    if args.predictions and (args.plan or args.precision or args.save):
        raise UsageError("--predictions scores alphas that are there: --plan, --precision and --save do not go with it")
    check_auto(args)
    if args.predictions and args.auto:
        raise UsageError("--predictions scores alphas that are there: --auto does not go with it")
    if args.predictions and (args.orientations != 1 or args.closed_form):
        raise UsageError(
            "--predictions scores alphas that are there: --orientations, --closed-form and --best do not go with it"
        )
    if args.alphamatting and args.layout not in ("auto", "alphamatting"):
        raise UsageError("--alphamatting is a layout: give the folder with --data")
    if args.resume and not (args.json or args.save):
        raise UsageError("--resume goes with --json or --save")
    if args.alpha_depth and not args.save:
        raise UsageError("--alpha-depth goes with --save")
    if args.worst < 1:
        raise UsageError(f"--worst: expected a number from 1, got {args.worst}")
    if args.sheet:
        check_format(args.sheet, "sheet")


def check_results(args: argparse.Namespace, samples: Sequence[TruthFiles]) -> None:
    """Raises where a result would replace another one or what is scored, or has no folder."""
    read = [(name, getattr(sample, name)) for sample in samples for name in ("image", "trimap", "truth")]
    folders = {path.resolve().parent for _, path in read}
    if args.predictions:
        folders.add(args.predictions.resolve())
    if args.save and args.save.resolve() in folders:
        raise InvalidInput(f"save: {str(args.save)!r}: expected a folder of its own, got one that is read from")
    read += [("plan", plan) for plan in args.plan or []]
    read += [("auto", Path(args.auto))] if args.auto else []
    if args.predictions and args.predictions.is_dir():
        read += [("prediction", path) for path in pictures(args.predictions).values()]
    check_places([(name, path) for name in ("json", "csv", "sheet") if (path := getattr(args, name))], read)


def choose_methods(args: argparse.Namespace, samples: Sequence[TruthFiles], auto: Automatic | None) -> list[Method]:
    """One for each plan or precision, with `auto` its masks at the end; or the predictions."""
    if args.predictions:
        return [prediction_method(args.predictions, samples, picture_limits(args))]
    if args.plan:
        plans = {str(path): path for path in args.plan}
    else:
        plans = {precision: shipped_plan(precision, args.device) for precision in args.precision or ["fp32"]}
    engines = [(label, Engine(plan, **engine_options(args))) for label, plan in plans.items()]
    if auto:
        methods = automatic_methods(engines, auto, args.auto, [getattr(args, name) for name in AUTO_OPTIONS])
    else:
        methods = [engine_method(*labelled) for labelled in engines]
    if not args.save:
        return methods
    names = [Path(label).stem for label in plans]
    if len(set(names)) < len(names):
        raise InvalidInput(f"save: expected plans with different names for the folders in it, got {', '.join(names)}")
    folders = [args.save / name for name in names] if len(names) > 1 else [args.save]
    saved = [
        saving(method, folder, depth=args.alpha_depth or 16, resume=args.resume)
        for method, folder in zip(methods, folders, strict=False)  # not the masks
    ]
    return saved + methods[len(saved) :]


def write_results(args: argparse.Namespace, table: Sequence[Scores], known: Known, layout: str, expected: int) -> None:
    """--json. In the middle of a run (`complete` is false then) what is known of the others stays in it, unchecked."""
    if not args.json or not table[0].pictures:
        return
    done = {(scores.label, entry.name) for scores in table for entry in scores.pictures}
    rest = {key: entry for key, entry in known.items() if key not in done}
    complete = len(table[0].pictures) == expected
    if not complete:
        table = [
            replace(
                scores,
                pictures=scores.pictures + [entry for (label, _), entry in rest.items() if label == scores.label],
            )
            for scores in table
        ]
    trimap_set = (args.trimap_set or TRIMAP_SET) if layout == "alphamatting" else None
    orientations = None if args.predictions else args.orientations
    settings = {
        "area": args.area,
        "layout": layout,
        "trimap_set": trimap_set,
        "orientations": orientations,
        "closed_form": None if args.predictions else args.closed_form,
        "auto": args.auto,
    }
    write_json(args.json, table, complete=complete, **settings)


def every(write: Callable[[], None], seconds: float = SAVE_EVERY_S) -> Callable[[], None]:
    """Calls `write` if the last call is `seconds` ago."""
    last = time.monotonic()

    def call() -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            write()
            last = time.monotonic()

    return call


def report_resumed(table: Sequence[Scores], known: Known, count: int) -> None:
    """One line beside the table: how many pictures were not scored again."""
    if known:
        kept = sum(all(known.get((s.label, s.pictures[i].name)) == s.pictures[i] for s in table) for i in range(count))
        print(f"resumed: kept the scores of {kept} of {count} pictures", file=sys.stderr)


def draw_sheet(method: Method, samples: Sequence[TruthFiles], args: argparse.Namespace, auto: Automatic | None) -> Bgr:
    """The worst pictures; their alphas are read or computed once more."""
    by_name = {sample.name: sample for sample in samples}
    rows = []
    for entry in progress_bar(method.scores.worst(args.sort)[: args.worst], desc="sheet"):
        sample = by_name[entry.name]
        content = read_content(sample, picture_limits(args))
        shown = content._replace(trimap=auto.trimap(content.img)) if auto else content
        figures = "   ".join(f"{SHORT[name]} {getattr(entry, name):.4g}" for name in METRICS)
        rows.append(Row(f"{entry.name}   {figures}", *shown, method.alpha(sample, content)))
    heading = (
        f"{method.scores.label}, {AREAS[args.area]}, worst {SHORT[args.sort]} first, {len(rows)} of {len(samples)}"
    )
    return contact_sheet(rows, heading)


def main(argv: Sequence[str] | None = None, prog: str = "python -m dim_trt.evaluate") -> int:
    return run_command(prog, __doc__, add_arguments, work, argv)


if __name__ == "__main__":
    sys.exit(main())
