"""Writes the tables, charts and figures of README.md and the other pages from the records in benchmarks/results.

    python -m benchmarks.report                   # of the machine that README.md names
    python -m benchmarks.report --this-machine    # after `python -m benchmarks.suite` here
    python -m benchmarks.report --check           # exit code 1 where something is not what the results say

They stand between markers: `<!-- report: NAME -->` and `<!-- end of report -->` around a table or the reference of a
chart, `<!-- figure: NAME -->` and `<!-- end -->` around a figure in a sentence. A table that was not measured says so;
a figure that cannot be computed is an error. Needs the extra bench.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.json_fields import FieldError
from benchmarks.measure import machine
from benchmarks.report.pages import DOCS, PAGES, PageError, named_machine, stale, write
from benchmarks.result_files import RESULTS, machines, read_results


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--machine", help="whose results; default: the one that README.md names")
    who.add_argument("--this-machine", action="store_true", help=f"here: {machine().name}")
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: benchmarks/results")
    parser.add_argument("--pages", type=Path, nargs="+", default=PAGES, help="default: README.md and all with markers")
    parser.add_argument("--charts", type=Path, default=DOCS, help="folder; default: docs")
    parser.add_argument("--check", action="store_true", help="write nothing")
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> None:
    name = machine().name if args.this_machine else args.machine or named_machine(args.pages[0])
    results = read_results(args.results, name)
    if not results.steps:
        there = ", ".join(machines(args.results)) or "none"
        raise SystemExit(f"{args.results}: no results of {name}; there are those of: {there}")
    if args.check:
        found = list(stale(args.pages, args.charts, results, name))
        for what in found:
            print(f"stale: {what}; run python -m benchmarks.report")
        sys.exit(bool(found))
    for path in write(args.pages, args.charts, results, name):
        print(f"{path}: written")


def main(argv: Sequence[str] | None = None) -> None:
    try:
        run(parse(argv))
    except (FieldError, PageError) as fault:
        raise SystemExit(str(fault)) from fault


if __name__ == "__main__":
    main()
