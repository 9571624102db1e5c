"""Everything that is to be known of a GPU, in one command: kernels, PyTorch, plans compared with it and timed, tests.

    python -m benchmarks.gpu --dry-run --minutes 9                      # what would be done, in which order
    python -m benchmarks.gpu --out DIR --minutes 9
    python -m benchmarks.gpu --out DIR --stage kernels models peers     # what needs no TensorRT
    python -m benchmarks.gpu --out DIR --rehearse                       # without a GPU, as far as that goes

Stages stand alone, and each job is a process of its own, so that none takes the others along when it fails. The most
valuable come first; the time budget decides what is left out. What the machine lacks is said, and skips its stage only.
DIR gets records.jsonl, each result at once, to which a later run adds; gpu.json (the same as one list), table.md,
layers.jsonl, log.txt, the reports of the checks, and the timing cache. A rehearsal goes the same way at a tiny size, on
the cpu backend. Needs the extra train and the group dev.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.jobs import JOBS, STAGES, Job, chosen, listing
from benchmarks.gpu.processes import Processes, lack
from benchmarks.gpu.records import Check, Failed, GpuRecord, NotMeasured, Session, Sides
from benchmarks.gpu.report import table
from benchmarks.gpu.session import GpuSetup, Records, session
from dim_trt.arguments import SIZE_FORMAT, parse_size
from dim_trt.files import write_atomic

SIZES: list[Sides] = [(512, 512), (1080, 1920)]
TINY: list[Sides] = [(61, 97)]


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("out/gpu"), help="folder for results; default: %(default)s")
    parser.add_argument("--work", type=Path, help="folder that keeps networks and plans between runs; default: none")
    parser.add_argument("--stage", nargs="+", choices=STAGES, default=STAGES, help="default: all")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[job.name for job in JOBS],
        default=(),
        metavar="JOB",
        help="by name, as --dry-run has it",
    )
    parser.add_argument("--sizes", nargs="+", type=parse_size, default=SIZES, metavar=SIZE_FORMAT)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each measurement; default: %(default)s")
    parser.add_argument("--minutes", type=float, default=60.0, help="budget for all; default: %(default)s")
    parser.add_argument("--commit", default="", help="of dim_trt, where git cannot tell")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and how long it takes")
    parser.add_argument("--rehearse", action="store_true", help="go through it all without a GPU, at a tiny size")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_arguments(argv)
    jobs = chosen(args.stage, args.only)
    if args.dry_run:
        print(listing(jobs, 60 * args.minutes, lambda job: lack(job, args.rehearse)))
        return 0
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        settings = GpuSetup(
            out=str(args.out.resolve()),
            work=str(work.resolve()),
            seconds=0.0 if args.rehearse else args.seconds,
            sizes=TINY if args.rehearse else args.sizes,
            deadline=time.time() + 60 * args.minutes,
            rehearsal=args.rehearse,
            commit=args.commit,
        )
        return run(settings, jobs)


def run(settings: GpuSetup, jobs: Sequence[Job]) -> int:
    records = Records(settings)
    records.add(session(settings.commit))
    before = len(records.collect())
    processes = Processes(settings, records)
    for job in jobs:
        processes.perform(job)
        write_table(settings, records.collect())
    results = records.collect()
    print(f"\n{table(results)}")
    return exit_code(results[before:])


def write_table(settings: GpuSetup, results: Sequence[GpuRecord]) -> None:
    write_atomic(Path(settings.out) / "table.md", [table(results).encode() + b"\n"], what="table")


def exit_code(results: Sequence[GpuRecord]) -> int:
    """1 where something failed, a check found what is wrong, or nothing at all could be measured."""
    failed = any(isinstance(row, Failed) or (isinstance(row, Check) and row.exit_code != 0) for row in results)
    measured = any(not isinstance(row, (NotMeasured, Session)) for row in results)
    return int(failed or not measured)


if __name__ == "__main__":
    sys.exit(main())
