"""Pages whose tables, charts and figures come from records: what stands there, and what should.

A table, or the reference of a chart, stands between `<!-- report: NAME -->` and `<!-- end of report -->`, a figure of a
sentence between `<!-- figure: NAME -->` and `<!-- end -->`. A figure's marker must not begin a line: Markdown takes
such a line for a block of HTML. A table whose name ends in ` on MACHINE` is of that machine, whatever the others are
of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.markdown import wrapped
from benchmarks.measure import ROOT
from benchmarks.report.blocks import BLOCKS
from benchmarks.report.charts import CHARTS, chart_digest, digest, write_chart
from benchmarks.report.figures import FIGURES, FigureError, NotMeasuredError
from benchmarks.result_files import Results
from dim_trt.files import write_atomic

DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "benchmarks/README.md", ROOT / "csrc/cpu/README.md", *sorted(DOCS.glob("*.md")))
NOT_MEASURED = "Not measured on this machine."
MACHINE = re.compile(r"<!-- results of (\S+) -->")
BLOCK = re.compile(r"(<!-- report: ([^>]+?) -->\n).*?(<!-- end of report -->)", re.DOTALL)
OTHER_MACHINE = " on "  # between a table's name and that of its machine
MARKER = re.compile(r"<!-- (?:figure: (?P<name>[^>]*?)|end) -->")


class PageError(ValueError):
    """A page asks for what cannot be written; the message says where and what."""


class Figure(NamedTuple):
    """`start` and `end` of what stands between its markers."""

    name: str
    start: int
    end: int
    expected: str


def title(page: Path) -> str:
    return page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name


def figures(page: Path, text: str, results: Results) -> list[Figure]:
    """Those of the page in their order."""
    found = []
    opened: re.Match[str] | None = None
    for marker in MARKER.finditer(text):
        where = f"{title(page)}:{text.count(chr(10), 0, marker.start()) + 1}"
        if marker["name"] is None:
            if opened is None:
                raise PageError(f"{where}: expected a marker <!-- figure: NAME --> before this <!-- end -->")
            expected = figure(opened["name"], where, results)
            found.append(Figure(opened["name"], opened.end(), marker.start(), expected))
            opened = None
        elif opened:
            name = marker["name"]
            raise PageError(f"{where}: expected <!-- end --> after figure {opened['name']}, got figure {name}")
        elif text[: marker.start()].rpartition("\n")[2].strip() == "":
            raise PageError(f"{where}: figure {marker['name']}: expected words before it on its line, got none")
        else:
            opened = marker
    if opened:
        raise PageError(f"{title(page)}: expected <!-- end --> after figure {opened['name']}, got the end of the page")
    return found


def figure(name: str, where: str, results: Results) -> str:
    if name not in FIGURES:
        raise PageError(f"{where}: expected one of the figures {', '.join(FIGURES)}, got {name!r}")
    try:
        return FIGURES[name](results)
    except NotMeasuredError:
        return "(not measured)"
    except FigureError as reason:
        raise PageError(f"{where}: figure {name} cannot be computed: {reason}") from None


def with_figures(page: Path, text: str, results: Results) -> str:
    for it in reversed(figures(page, text, results)):
        text = text[: it.start] + it.expected + text[it.end :]
    return text


def with_blocks(page: Path, text: str, charts: Path, results: Results, machine: str) -> str:
    """With the machine's name, and each table and chart as the results have them."""

    def replace(match: re.Match[str]) -> str:
        content = block(match[2], page, charts, results)
        return f"{match[1]}\n{content}\n\n{match[3]}" if content else f"{match[1]}{match[3]}"

    return BLOCK.sub(replace, MACHINE.sub(f"<!-- results of {machine} -->", text))


def block(name: str, page: Path, charts: Path, results: Results) -> str:
    if name in CHARTS:
        chart = CHARTS[name]
        link = Path(os.path.relpath(charts / name, page.parent)).as_posix()
        return f"![{chart.shows}]({link})" if chart.data(results) else ""
    name, _, machine = name.partition(OTHER_MACHINE)
    if name not in BLOCKS:
        raise PageError(f"{title(page)}: expected one of {', '.join([*BLOCKS, *CHARTS])}, got {name!r}")
    if machine:
        results = results.of_machine(machine)
    steps, text = BLOCKS[name]
    return wrapped(text(results)) if any(step in results for step in steps) else NOT_MEASURED


def stale(pages: Sequence[Path], charts: Path, results: Results, machine: str) -> Iterator[str]:
    """What is not as the results have it."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if with_blocks(page, text, charts, results, machine) != text:
            yield f"{title(page)}: tables"
        for it in figures(page, text, results):
            if text[it.start : it.end] != it.expected:
                yield f"{title(page)}: figure {it.name} is {it.expected}, not {text[it.start : it.end]}"
    for file, chart in CHARTS.items():
        data = chart.data(results)
        if chart_digest(charts / file) != (data and digest(data)):
            yield file


def write(pages: Sequence[Path], charts: Path, results: Results, machine: str) -> list[Path]:
    """What has changed of pages and charts; a chart without data is removed."""
    texts = {}
    for page in pages:  # all of them before the first is written: a page may be at fault
        old = page.read_text(encoding="utf-8")
        new = with_figures(page, with_blocks(page, old, charts, results, machine), results)
        if new != old:
            texts[page] = new
    for page, text in texts.items():
        write_atomic(page, [text.encode()], what="page")
    return [*texts, *write_charts(charts, results)]


def write_charts(folder: Path, results: Results) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for file, chart in CHARTS.items():
        path, data = folder / file, chart.data(results)
        if data is None:
            path.unlink(missing_ok=True)
        elif chart_digest(path) != digest(data):
            write_chart(path, data, chart.draw)
            written.append(path)
    return written


def named_machine(page: Path) -> str:
    """Whose results the page shows."""
    found = MACHINE.search(page.read_text(encoding="utf-8"))
    if not found:
        raise PageError(f"{title(page)}: expected a line <!-- results of MACHINE -->")
    return found[1]
