"""The full measurement of this machine: each step a benchmark, its records a file in benchmarks/results.

    python -m benchmarks.suite --alphamatting DIR
    python -m benchmarks.suite --list
    python -m benchmarks.suite --only full-dense memory
    python -m benchmarks.suite --resume                     # not what this commit has measured already
    python -m benchmarks.suite --quick                      # seconds instead of minutes, into out/bench

A step's file is written when the step is done, so an interrupted suite keeps what it has. What fails is named at the
end, and the exit code is 1. Then `benchmarks.report` draws the charts and writes README's tables. Needs the extras
train, dev and bench, and a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import ROOT, command, default_threads, machine, source
from benchmarks.result_files import RESULTS, result_file
from benchmarks.throughput import counts_up_to

IDLE_LOAD = 1.0
QUICK_RESULTS = ROOT / "out/bench"
DATA = "DATA"  # stands for the folder of --alphamatting
THREADS = "THREADS"  # stands for 1, 2, 4, … the number of cores
# Where a run of the full model takes seconds: fewer runs, one peer (PyTorch still says what the right answer is).
SLOW = ["--min-runs", "5", "--seconds", "0", "--peers", "onnxruntime"]  # at 1080p
MANY = ["--min-runs", "3", "--seconds", "0", "--peers", "onnxruntime"]  # of each picture of a data set
QUICK = ["--min-runs", "2", "--seconds", "0", "--no-float64"]
QUICK_MANY = [*QUICK, "--limit", "1"]


class Step(NamedTuple):
    """`python -m benchmarks.<module> <arguments>`; `quick`, in their place, takes seconds. minutes: on four cores."""

    name: str
    module: str
    arguments: list[str]
    minutes: float
    quick: list[str]


def words(text: str) -> list[str]:
    return text.split()


STEPS = (
    Step("full-dense", "latency", words("--model full --size 256x256 384x384 512x512"), 1.2,
         ["--model", "lite", "--size", "64x96", "96x128", *QUICK]),
    Step("full-dense-1080p", "latency", ["--model", "full", "--size", "1080x1920", *SLOW], 2.5,
         ["--model", "lite", "--size", "128x192", *QUICK]),
    Step("full-band-1080p", "latency", ["--model", "full", "--band", "5", *SLOW], 2.2,
         ["--model", "lite", "--band", "5", "--size", "128x192", *QUICK]),
    Step("full-alphamatting", "latency", ["--model", "full", "--alphamatting", DATA, *MANY], 3.8,
         ["--model", "lite", "--alphamatting", DATA, *QUICK_MANY]),
    Step("full-peers", "latency", words("--model full --size 512x512 --peers all --memory --no-float64"), 1.8,
         ["--model", "lite", "--size", "64x96", "--peers", "pytorch", "onnxruntime", "--clocks", "--memory", *QUICK]),
    Step("full-threads", "latency",
         ["--model", "full", "--size", "512x512", "--threads", THREADS, "--peers", "onnxruntime", "--no-float64",
          "--min-runs", "5"], 1.1,
         ["--model", "lite", "--size", "64x96", "--threads", "1", "2", "--peers", "onnxruntime", *QUICK]),
    Step("lite-dense", "latency", words("--model lite --size 512x512"), 0.3,
         ["--model", "lite", "--size", "64x96", *QUICK]),
    Step("shipped-dense", "latency", words("--model shipped --size 256x256 384x384 512x512 1080x1920"), 1.2,
         ["--model", "shipped", "--size", "64x96", *QUICK]),
    Step("shipped-band-1080p", "latency", words("--model shipped --band 5"), 0.5,
         ["--model", "shipped", "--band", "5", "--size", "128x192", *QUICK]),
    Step("shipped-alphamatting", "latency", ["--model", "shipped", "--alphamatting", DATA, "--seconds", "1"], 1,
         ["--model", "shipped", "--alphamatting", DATA, *QUICK_MANY]),
    Step("shipped-peers", "latency",
         words("--model shipped --size 512x512 --scene --peers all --clocks --memory --no-float64 --limit-s 40"), 1.8,
         ["--model", "shipped", "--size", "64x96", "--scene", "--peers", "pytorch", "onnxruntime", "--clocks", *QUICK]),
    Step("memory-full-1080p", "memory", words("--model full --size 1080x1920"), 0.7,
         words("--model lite --size 64x96")),
    Step("memory-full-4k", "memory", words("--model full --size 2160x3840 --no-onnxruntime"), 0.8,
         words("--model lite --size 96x128 --no-onnxruntime")),
    Step("memory-shipped-1080p", "memory", words("--model shipped --size 1080x1920"), 0.3,
         words("--model shipped --size 64x96")),
    Step("stages-full", "stages", words("--model full --size 512x512"), 0.8,
         words("--model lite --size 64x96 --runs 2")),
    Step("quality-alphamatting", "quality", ["--alphamatting", DATA], 2.7,
         ["--alphamatting", DATA, "--limit", "1", "--peers", "pytorch", "--trimaps", "trimap1"]),
    Step("quality-scenes", "quality", words("--scenes 1"), 1,
         words("--scenes 1 --limit 2 --peers onnxruntime")),
    Step("throughput-shipped", "throughput", words("--model shipped --size 512x512 --seconds 0.6"), 1.3,
         words("--model shipped --size 64x96 --seconds 0.05 --ways run() --concurrent 1 --threads 1 2")),
)  # fmt: skip


def arguments_of(step: Step, data: Path | None, quick: bool) -> list[str] | None:
    """None where the data set is needed and not there."""
    arguments = step.quick if quick else step.arguments
    if DATA in arguments and data is None:
        return None
    found: list[str] = []
    for word in arguments:
        found += {DATA: [str(data)], THREADS: [str(n) for n in counts_up_to(default_threads())]}.get(word, [word])
    return found


def is_measured(path: Path, module: str, arguments: Sequence[str]) -> bool:
    """Whether the file is what this command gave on this commit."""
    try:
        first = json.loads(path.read_bytes())[0]
    except (OSError, ValueError, LookupError):
        return False
    expected = command([f"benchmarks.{module}", *arguments])
    same_source = all(first.get(key) == value for key, value in source().items())
    return same_source and str(first.get("command", "")).startswith(f"{expected} --json")


def run_step(step: Step, arguments: Sequence[str], path: Path) -> bool:
    """Runs the benchmark, which shows its own tables; whether it ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    full = [sys.executable, "-m", f"benchmarks.{step.module}", *arguments, "--json", str(path)]
    return subprocess.run(full, cwd=ROOT).returncode == 0


def run(steps: Sequence[Step], args: argparse.Namespace) -> list[str]:
    """Names of the steps that failed."""
    failed = []
    begin = time.perf_counter()
    for number, step in enumerate(steps, 1):
        arguments = arguments_of(step, args.alphamatting, args.quick)
        path = result_file(QUICK_RESULTS if args.quick else RESULTS, machine()["name"], step.name)
        head = f"\n## {number} of {len(steps)}: {step.name}"
        if arguments is None:
            print(f"{head}: left out, --alphamatting says where its pictures are", flush=True)
        elif args.resume and is_measured(path, step.module, arguments):
            print(f"{head}: kept, this commit has measured it", flush=True)
        else:
            minutes = (time.perf_counter() - begin) / 60
            print(f"{head} ({minutes:.1f} min)\n{command([f'benchmarks.{step.module}', *arguments])}\n", flush=True)
            if not run_step(step, arguments, path):
                failed.append(step.name)
    return failed


def warn_of_other_work() -> None:
    """Threads that wait for each other suffer most where they share cores, the peers' more than ours: no fair race."""
    load = os.getloadavg()[0]
    if load > IDLE_LOAD:
        print(f"warning: this machine has other work (load {load:.1f}); what is measured now should not be quoted")


def list_steps() -> None:
    for step in STEPS:
        print(f"{step.name:22}{step.minutes:5.1f} min  {command([f'benchmarks.{step.module}', *step.arguments])}")
    print(f"{'all':22}{sum(step.minutes for step in STEPS):5.1f} min, about, on four cores with AVX-512")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.suite", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [step.name for step in STEPS]
    parser.add_argument("--alphamatting", type=Path, metavar="DIR", help="holds input/, trimap1/, trimap2/ and gt/")
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help="see --list; default: all")
    parser.add_argument("--resume", action="store_true", help="not what this commit has measured with the same command")
    parser.add_argument("--quick", action="store_true", help="tiny sizes into out/bench: does everything run here?")
    parser.add_argument("--list", action="store_true", help="the steps and what they take")
    args = parser.parse_args(argv)
    if args.list:
        list_steps()
        return
    if args.alphamatting is not None and not args.alphamatting.is_dir():
        parser.error(f"--alphamatting: no folder {str(args.alphamatting)!r}")
    args.alphamatting = args.alphamatting and args.alphamatting.resolve()  # steps run in the project's folder
    warn_of_other_work()
    failed = run([step for step in STEPS if not args.only or step.name in args.only], args)
    if failed:
        sys.exit(f"\nfailed: {', '.join(failed)}; `python -m benchmarks.suite --resume` repeats these alone")


if __name__ == "__main__":
    main()
