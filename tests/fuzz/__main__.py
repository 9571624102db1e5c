"""Fuzzing of everything that reads foreign bytes in C++, with libFuzzer and sanitizers.

    python -m tests.fuzz run --seconds 300     # each target; what is found goes to build/fuzz/found
    python -m tests.fuzz coverage              # branches of the plan reader that the corpus reaches
    python -m tests.fuzz keep                  # takes into the corpus what of build/fuzz/found reaches something new

A crash is written to build/fuzz/crashes. `keep` takes it into the corpus, once it is mended: from then on the test
suite runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz import corpus, coverage
from tests.support.clang import ROOT, build

TARGETS = ("json", "plan", "program", "run")
FOUND = ROOT / "build" / "fuzz" / "found"
CRASHES = ROOT / "build" / "fuzz" / "crashes"
MAX_BYTES = {"json": 1024, "plan": 8192, "program": 4608, "run": 256}
LIMITS = ["-timeout=20", "-rss_limit_mb=2048", "-malloc_limit_mb=1024"]


def fuzz(folder: Path, target: str, seconds: int, inputs: Path) -> tuple[bool, str]:
    """Whether nothing crashed; a line of the table. `inputs`: the corpus, unpacked."""
    found, log = FOUND / target, folder / f"{target}.log"
    found.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("w") as stream:
        code = subprocess.run(
            [folder / f"fuzz_{target}", f"-max_total_time={seconds}", f"-max_len={MAX_BYTES[target]}", *LIMITS]
            + [f"-dict={Path(__file__).parent / 'words.dict'}"] * (target != "run")
            + [f"-artifact_prefix={CRASHES / target}-", "-print_final_stats=1", found, inputs],
            stderr=stream,
            stdout=stream,
            check=False,
        ).returncode
    took, said = time.monotonic() - start, log.read_text(errors="replace")
    inputs = sum(map(int, re.findall(r"stat::number_of_executed_units: (\d+)", said)[-1:]))
    edges, kept = (re.findall(pattern, said)[-1:] or ["?"] for pattern in (r"cov: (\d+)", r"corp: (\d+)"))
    result = "clean" if code == 0 else "CRASH"
    line = f"{target:8} {result:8} {inputs:>12} {inputs / took:>9.0f} {took:>8.0f} {edges[0]:>6} {kept[0]:>11}"
    return code == 0, line if code == 0 else f"{line}\nsee {log} and {CRASHES}"


def run(targets: list[str], seconds: int) -> bool:
    """Prints one line a target; False when one crashed. As many at once as there are cores."""
    folder = build("fuzz")
    CRASHES.mkdir(exist_ok=True)
    print(f"{'target':8} {'result':8} {'inputs':>12} {'a second':>9} {'seconds':>8} {'edges':>6} {'inputs kept':>11}")
    clean = True
    with tempfile.TemporaryDirectory() as unpacked, ThreadPoolExecutor(os.cpu_count()) as pool:
        inputs = [corpus.unpack(target, Path(unpacked)) for target in targets]
        for is_clean, line in pool.map(lambda *job: fuzz(folder, job[0], seconds, job[1]), targets, inputs):
            print(line, flush=True)
            clean &= is_clean
    return clean


def report(with_found: bool) -> bool:
    """Prints the plan reader's coverage; False when a branch is missed."""
    with tempfile.TemporaryDirectory() as unpacked:
        inputs = {target: [corpus.unpack(target, Path(unpacked))] for target in TARGETS[:3]}
        if with_found:
            for target, folders in inputs.items():
                folders += [FOUND / target] * (FOUND / target).is_dir()
        table, missed = coverage.measure(inputs)
    print("\n".join(table))
    print("\n".join(map(str, missed)) or "every branch is reached, both ways")
    return not missed


def keep(targets: list[str]) -> None:
    """Merges what reaches something new into the corpus, the smallest inputs first, and crashes."""
    folder = build("fuzz")
    for target in targets:
        with tempfile.TemporaryDirectory() as unpacked:
            inputs, found = corpus.unpack(target, Path(unpacked)), FOUND / target
            found.mkdir(parents=True, exist_ok=True)
            reaching = ["-merge=1", "-use_counters=0"]  # new edges; another number of rounds through a loop is no news
            merge = [folder / f"fuzz_{target}", *reaching, *LIMITS, inputs, found]
            subprocess.run(merge, check=True, stderr=subprocess.DEVNULL)
            crashes = [path for kind in ("crash", "oom", "timeout") for path in CRASHES.glob(f"{target}-{kind}-*")]
            added = corpus.add(target, [path.read_bytes() for path in [*inputs.iterdir(), *crashes]])
            print(f"{target}: {added} new inputs")


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=("run", "coverage", "keep"))
    parser.add_argument("--seconds", type=int, default=60, help="for each target; default: %(default)s")
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--with-found", action="store_true", help="coverage: count build/fuzz/found, too")
    args = parser.parse_args()
    if args.command == "run":
        return 0 if run(args.target, args.seconds) else 1
    if args.command == "coverage":
        return 0 if report(args.with_found) else 1
    keep(args.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
