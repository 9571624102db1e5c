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

from benchmarks.json_fields import part_of_json
from benchmarks.measure import ROOT, command, default_threads, machine, source
from benchmarks.provenance import Manifest
from benchmarks.result_files import RESULTS, result_file
from benchmarks.steps import DATA, STEPS, THREADS, Step
from benchmarks.throughput import counts_up_to

IDLE_LOAD = 1.0
QUICK_RESULTS = ROOT / "out/bench"


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
        made = part_of_json(Manifest, json.loads(path.read_bytes())[0], path.name)
    except (OSError, ValueError, LookupError):
        return False
    expected = command([f"benchmarks.{module}", *arguments])
    return made.source == source() and (made.command or "").startswith(f"{expected} --json")


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
        path = result_file(QUICK_RESULTS if args.quick else RESULTS, machine().name, step.name)
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
