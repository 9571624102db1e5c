"""Everything that is to be known of a GPU, in one command: plans built, compared with PyTorch, timed beside it.

    python -m benchmarks.gpu --out DIR --minutes 9
    python -m benchmarks.gpu --out DIR --dry-run

Each plan and each peer has a process of its own, so that none takes the others along when it fails. The most telling
come first; what the time budget leaves out is listed. DIR gets records.jsonl (each result at once), gpu.json (the same
as one list), layers.jsonl, table.md, cuda_check.json and log.txt. A dry run goes the same way on a machine without a
GPU, at a tiny size on the cpu backend. Needs the extras train and dev.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.records import About, Failed, KernelCheck, Sides, Skipped
from benchmarks.gpu.report import table
from benchmarks.gpu.session import Combination, GpuSetup, Records, session
from dim_trt.capabilities import tensorrt_reason
from dim_trt.command import SIZE_FORMAT, parse_size
from dim_trt.files import write_atomic
from dim_trt.plans.tensorrt_options import UNPOOL
from dim_trt.precisions import PRECISIONS

ROOT = Path(__file__).parents[2]
MODELS = ("full", "lite")
SIZES: list[Sides] = [(512, 512), (720, 1280), (1080, 1920)]
TINY: list[Sides] = [(61, 97)]
GRACE_S = 20.0  # a process gets this much longer to end by itself
NO_GPU = 77  # exit code of dim_cuda_check
PEERS = ("pytorch compiled fp16 channels-last", "pytorch eager fp16 channels-last", "pytorch eager")
# The goals first; then what nobody else measures; fp32 and the native graphs of other precisions last.
ORDER = (
    "full fp16 plugin", "kernels", "full peers", "full fp16 native", "lite fp16 plugin", "full int8 plugin",
    "lite int8 plugin", "full fp32 plugin", "lite peers", "lite fp16 native", "lite fp32 plugin", "full int8 native",
    "full fp32 native", "lite int8 native", "lite fp32 native",
)  # fmt: skip


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--work", type=Path, help="folder that keeps plans and timings between runs; default: none")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=SIZES, metavar=SIZE_FORMAT)
    parser.add_argument("--unpool", nargs="+", choices=UNPOOL, default=UNPOOL)
    parser.add_argument("--no-peers", action="store_true", help="leave PyTorch out")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement; default: %(default)s")
    parser.add_argument("--minutes", type=float, default=60.0, help="budget for all; default: %(default)s")
    parser.add_argument("--commit", default="", help="of dim_trt, where git cannot tell")
    parser.add_argument("--dry-run", action="store_true", help="without a GPU, as far as that goes")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    reason = tensorrt_reason()
    if reason and not args.dry_run:
        print(f"error: {reason}; --dry-run goes as far as it gets without", file=sys.stderr)
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        settings = GpuSetup(
            out=str(args.out.resolve()),
            work=str(work.resolve()),
            seconds=0.0 if args.dry_run else args.seconds,
            sizes=TINY if args.dry_run else args.sizes,
            deadline=time.time() + 60 * args.minutes,
            dry_run=args.dry_run,
            commit=args.commit,
        )
        return run(settings, args, reason)


def run(settings: GpuSetup, args: argparse.Namespace, reason: str) -> int:
    records = Records(settings)
    records.path.unlink(missing_ok=True)
    records.add(session(settings.commit))
    if settings.dry_run:
        skip(records, "TensorRT", f"dry run; {reason or 'there is a GPU to use'}")
    processes = Processes(settings, records)
    for job in ORDER:
        perform(job, args, processes)
        records.collect()
    results = records.collect()
    text = table(results)
    write_atomic(Path(settings.out) / "table.md", [text.encode() + b"\n"], what="table")
    print(f"\n{text}")
    return 1 if any(isinstance(record, Failed) for record in results) else 0


def perform(job: str, args: argparse.Namespace, processes: Processes) -> None:
    """One entry of ORDER, if it was asked for."""
    if job == "kernels":
        processes.check_kernels()
        return
    model, *rest = job.split()
    if model not in args.models:
        return
    if rest == ["peers"]:
        for peer in () if args.no_peers else PEERS:
            processes.prepare(model)
            processes.start(f"{model} {peer}", "benchmarks.gpu.pytorch", model, peer)
        return
    combination = Combination(model, *rest)
    if combination.precision in args.precisions and combination.unpool in args.unpool:
        processes.prepare(model)
        processes.start(job, "benchmarks.gpu.plans", model, *rest)


def skip(records: Records, step: str, reason: str) -> None:
    records.add(Skipped(about=About(), step=step, reason=reason))


class Processes:
    """Starts the parts of the benchmark, one after the other, as long as there is time."""

    def __init__(self, settings: GpuSetup, records: Records):
        self.settings, self.records = settings, records
        self.settings_file = str(settings.write())
        self.log = Path(settings.out) / "log.txt"
        self.log.unlink(missing_ok=True)
        self.prepared: set[str] = set()

    def prepare(self, model: str) -> None:
        """Its ONNX file and PyTorch's answers, before they are needed for the first time."""
        if model not in self.prepared:
            self.prepared.add(model)
            self.start(f"{model} model", "benchmarks.gpu.models", model)

    def start(self, step: str, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, self.settings_file, *arguments]
        code = self.wait(step, command)
        if code not in (0, None):
            how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
            said = f"its process {how}; log.txt has what it said"
            self.records.add(Failed(about=About(), step=step, reason=said))

    def wait(self, step: str, command: list[str]) -> int | None:
        """The exit code; None where there was no time, which is noted."""
        left_s = self.settings.left_s()
        if left_s <= 0:
            skip(self.records, step, "the time budget is used up")
            return None
        print(f"== {step}, {left_s:.0f} s left", flush=True)
        with self.log.open("a") as log:
            print(f"== {step}", file=log, flush=True)
            try:
                done = subprocess.run(command, cwd=ROOT, stderr=log, check=False, timeout=left_s + GRACE_S)
            except subprocess.TimeoutExpired:
                skip(self.records, f"{step}, the rest", "the time budget was used up within it")
                return None
        return done.returncode

    def check_kernels(self) -> None:
        """The CUDA kernels by themselves: compared with their host twins, and timed beside a copy."""
        programs = sorted(ROOT.glob("build/*/dim_cuda_check"), key=lambda path: path.stat().st_mtime)
        if not programs:
            skip(self.records, "dim_cuda_check", "it is not in build/: built without nvcc")
            return
        report = Path(self.settings.out) / "cuda_check.json"
        code = self.wait("dim_cuda_check", [str(programs[-1]), "--time", "--json", str(report)])
        if code == NO_GPU:
            skip(self.records, "dim_cuda_check", "there is no GPU to use")
        elif code is not None:
            self.records.add(KernelCheck(exit_code=code, report=report.name))


if __name__ == "__main__":
    sys.exit(main())
