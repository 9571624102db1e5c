"""Writes the tables between the markers of README.md and benchmarks/README.md, and the charts, from benchmarks/results.

    python -m benchmarks.report                   # of the machine that README.md names
    python -m benchmarks.report --this-machine    # after `python -m benchmarks.suite` here
    python -m benchmarks.report --check           # exit code 1 where something is not what the results say

A table, or the reference of a chart, stands between `<!-- report: NAME -->` and `<!-- end of report -->`; what was not
measured says so. Needs the extra bench.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.markdown import wrapped
from benchmarks.measure import ROOT, machine
from benchmarks.report.charts import CHARTS, chart_digest, digest, write_chart
from benchmarks.report.tables import BLOCKS
from benchmarks.result_files import RESULTS, Results, machines, read_results
from dim_trt.files import write_atomic

PAGES = (ROOT / "README.md", ROOT / "benchmarks/README.md")
DOCS = ROOT / "docs"
NOT_MEASURED = "Not measured on this machine."
MACHINE = re.compile(r"<!-- results of (\S+) -->")
BLOCK = re.compile(r"(<!-- report: ([^>]+?) -->\n).*?(<!-- end of report -->)", re.DOTALL)


def filled(path: Path, charts: Path, results: Results, name: str) -> str:
    """The page with the machine's name, and each of its tables and charts as the results have them."""

    def replace(match: re.Match[str]) -> str:
        text = block(match[2], path.parent, charts, results)
        return f"{match[1]}\n{text}\n\n{match[3]}" if text else f"{match[1]}{match[3]}"

    page = path.read_text(encoding="utf-8")
    return BLOCK.sub(replace, MACHINE.sub(f"<!-- results of {name} -->", page))


def block(name: str, folder: Path, charts: Path, results: Results) -> str:
    """What stands there on a page in `folder`."""
    if name in CHARTS:
        chart = CHARTS[name]
        link = Path(os.path.relpath(charts / name, folder)).as_posix()
        return f"![{chart.shows}]({link})" if chart.data(results) else ""
    if name not in BLOCKS:
        raise SystemExit(f"report: expected one of {', '.join([*BLOCKS, *CHARTS])}, got {name!r}")
    steps, text = BLOCKS[name]
    return wrapped(text(results)) if any(step in results for step in steps) else NOT_MEASURED


def stale(pages: Sequence[Path], charts: Path, results: Results, name: str) -> Iterator[str]:
    """What is not as the results have it."""
    for page in pages:
        if filled(page, charts, results, name) != page.read_text(encoding="utf-8"):
            yield f"{page.name}: tables"
    for file, chart in CHARTS.items():
        data = chart.data(results)
        if chart_digest(charts / file) != (data and digest(data)):
            yield file


def write(pages: Sequence[Path], charts: Path, results: Results, name: str) -> list[Path]:
    """Pages and charts; a chart without data is removed."""
    written = []
    for page in pages:
        write_atomic(page, [filled(page, charts, results, name).encode()], what="page")
        written.append(page)
    charts.mkdir(parents=True, exist_ok=True)
    for file, chart in CHARTS.items():
        path, data = charts / file, chart.data(results)
        if data is None:
            path.unlink(missing_ok=True)
        elif chart_digest(path) != digest(data):
            write_chart(path, data, chart.draw)
        if data is not None:
            written.append(path)
    return written


def named_machine(page: Path) -> str:
    """Whose results the page shows."""
    found = MACHINE.search(page.read_text(encoding="utf-8"))
    if not found:
        raise SystemExit(f"{page}: expected a line <!-- results of MACHINE -->")
    return found[1]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--machine", help="whose results; default: the one that README.md names")
    who.add_argument("--this-machine", action="store_true", help=f"here: {machine()['name']}")
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: benchmarks/results")
    parser.add_argument("--pages", type=Path, nargs="+", default=PAGES, help="default: both README.md")
    parser.add_argument("--charts", type=Path, default=DOCS, help="folder; default: docs")
    parser.add_argument("--check", action="store_true", help="write nothing")
    args = parser.parse_args(argv)
    name = machine()["name"] if args.this_machine else args.machine or named_machine(args.pages[0])
    results = read_results(args.results, name)
    if not results:
        there = ", ".join(machines(args.results)) or "none"
        raise SystemExit(f"{args.results}: no results of {name}; there are those of: {there}")
    if args.check:
        found = list(stale(args.pages, args.charts, results, name))
        for what in found:
            print(f"stale: {what}; run python -m benchmarks.report")
        sys.exit(bool(found))
    for path in write(args.pages, args.charts, results, name):
        print(f"{path}: written")


if __name__ == "__main__":
    main()
