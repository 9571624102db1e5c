"""Makes a training checkpoint the weights that come with the package, and writes again all that speaks of them.

    python -m tools.ship --checkpoint runs/lite/checkpoint.pt --alphamatting DIR --hardware "two cores of …"

The ONNX file and the model card; of a network for matting also the scores in the records of quality (what methods cost
stays as it was measured: minutes on any machine at any load will do), README's tables, figures and charts, and its
picture. All of it or, where a step fails or is interrupted, none. The tests that hold these together run last; then
there is one commit to make. Needs the extras train, dev and bench.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.report.pages import DOCS, PAGES
from benchmarks.result_files import RESULTS
from dim_trt.command import ends_well_when_terminated
from dim_trt.files import write_atomic
from training.card import SHIPPED, Shipped
from training.checkpoints import CheckpointError, kind_in, load_checkpoint
from training.networks import KINDS, MATTING, Kind

ROOT = Path(__file__).parents[1]
PICTURE = DOCS / "side_by_side.png"
SAMPLE = ["--image", "samples/astronaut.png", "--trimap", "samples/astronaut_trimap.png"]
TESTS = ["tests/training/test_card.py", "tests/masks/test_own.py"]
MATTING_TESTS = ["tests/project/test_readme.py", "tests/benchmarks/test_figures.py",
         "tests/benchmarks/test_report.py", "tests/benchmarks/test_rescore.py"]  # fmt: skip
CARD_SCORES = re.compile(r"^\| network \| ([\d.]+) \| [\d.]+ \| ([\d.]+) \|", re.MULTILINE)


def written(kind: Kind) -> list[Path]:
    """All files that speak of the weights."""
    files = [SHIPPED[kind].onnx, SHIPPED[kind].card]
    if kind == MATTING:
        files += [*sorted(RESULTS.glob("*_quality-*.json")), *PAGES, *sorted(DOCS.glob("*.png"))]
    return files


def commands(args: argparse.Namespace, work: Path) -> list[list[str]]:
    """Modules and their arguments, in order."""
    checkpoint, data = str(args.checkpoint), str(args.alphamatting)
    shipped: Shipped = SHIPPED[args.kind]
    own = [
        ["training.export", "--from", checkpoint, "-o", str(shipped.onnx), "--weights", shipped.weights],
        ["training.card", "--checkpoint", checkpoint, "--alphamatting", data, "--hardware", args.hardware],
    ]
    if args.kind != MATTING:
        return [*own, ["pytest", "-q", *TESTS]]
    plan, alpha, over = (str(work / name) for name in ("dim.plan", "alpha.png", "composite.png"))
    made = ["--alpha", alpha, "--composite", over]
    return [
        *own,
        ["benchmarks.rescore", "--alphamatting", data],
        ["benchmarks.report"],
        ["dim_trt.build", "-o", plan, "--backend", "cpu", "--precision", "fp16"],
        ["dim_trt.matte", "--plan", plan, *SAMPLE, "--closed-form", *made, "--background", "samples/background.jpg"],
        ["benchmarks.side_by_side", *SAMPLE, *made, "-o", str(PICTURE)],
        ["pytest", "-q", *TESTS, *MATTING_TESTS],
    ]


@contextlib.contextmanager
def all_or_nothing(paths: Sequence[Path]) -> Iterator[None]:
    """Where the block fails, the files are as they were before."""
    before = {path: path.read_bytes() for path in paths}
    try:
        yield
    except BaseException:
        for path, content in before.items():
            if not path.is_file() or path.read_bytes() != content:
                write_atomic(path, [content], what="old")
        raise


def run(command: Sequence[str]) -> None:
    """Shows what it says; SystemExit where it fails."""
    print(f"\n## python -m {' '.join(command)}", flush=True)
    begin = time.perf_counter()
    code = subprocess.run([sys.executable, "-m", *command], cwd=ROOT).returncode
    if code:
        raise SystemExit(f"\nship: {command[0]} failed; the files are as they were before")
    print(f"## {time.perf_counter() - begin:.0f} s", flush=True)


def scores() -> tuple[str, str]:
    """SAD with narrow and wide trimaps, as the card has them."""
    found = CARD_SCORES.search(SHIPPED[MATTING].card.read_text(encoding="utf-8"))
    return (found[1], found[2]) if found else ("?", "?")


def ship(args: argparse.Namespace) -> str:
    """What to say about it."""
    begin, before = time.perf_counter(), scores()
    with tempfile.TemporaryDirectory() as folder, all_or_nothing(written(args.kind)):
        for command in commands(args, Path(folder)):
            run(command)
    minutes = (time.perf_counter() - begin) / 60
    if args.kind != MATTING:
        return f"\nshipped in {minutes:.1f} minutes; git add -u and commit it as one"
    changes = ", ".join(
        f"{name} {old} to {new}" for name, old, new in zip(("narrow", "wide"), before, scores(), strict=True)
    )
    return f"\nshipped in {minutes:.1f} minutes: SAD {changes}; git add -u and commit it as one"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tools.ship", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, metavar="FILE", help="of training.train")
    parser.add_argument("--alphamatting", type=Path, required=True, metavar="DIR", help="as for training.evaluate")
    parser.add_argument(
        "--hardware", required=True, help="what it was trained on, and what came before this run; for the card"
    )
    args = parser.parse_args(argv)
    args.checkpoint, args.alphamatting = args.checkpoint.resolve(), args.alphamatting.resolve()
    for path, name, is_there in (
        (args.checkpoint, "checkpoint", args.checkpoint.is_file()),
        (args.alphamatting, "alphamatting", args.alphamatting.is_dir()),
    ):
        if not is_there:
            parser.error(f"--{name}: {str(path)!r} is not there")
    if not args.hardware.strip() or "|" in args.hardware or "\n" in args.hardware:
        parser.error("--hardware: expected one line of text without |, such as 'two cores of an AMD EPYC'")
    try:
        content = load_checkpoint(args.checkpoint, *KINDS)
    except CheckpointError as failure:
        parser.error(f"--checkpoint: {failure}")
    args.kind = kind_in(content)
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse(argv)
    with ends_well_when_terminated():
        print(ship(args))


if __name__ == "__main__":
    main()
