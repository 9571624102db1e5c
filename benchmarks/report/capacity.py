"""The tables of what a machine can hold and do at once: memory of a process, pictures a second."""

from __future__ import annotations

from benchmarks.markdown import table
from benchmarks.measure import mark
from benchmarks.methods import ENGINE, ONNXRUNTIME, TITLES
from benchmarks.records import Memory, Throughput
from benchmarks.report.wording import MODELS, machine_line, sides
from benchmarks.result_files import Results
from benchmarks.throughput import best

MEMORY = ("memory-full-1080p", "memory-full-4k", "memory-shipped-1080p")
THROUGHPUT = "throughput-shipped"


def memory(results: Results) -> str:
    cells = []
    for step in MEMORY:
        rows = {row.peer: row for row in results.of(Memory, step)}
        if ours := rows.get(ENGINE):
            theirs = rows.get(ONNXRUNTIME)
            other = f"{theirs.peak_memory_mb} MB ({theirs.memory_ratio:.2f}×)" if theirs else ""
            cells.append([MODELS[ours.model], sides(ours.height, ours.width), f"{ours.peak_memory_mb} MB", other])
    about = "Peak resident memory of a process that mattes one picture and does nothing else."
    tables = table(["model", "size, all unknown", "dim_trt", "ONNX Runtime"], cells, 2)
    return f"{tables}\n\n{about} {machine_line(results, *MEMORY)}"


def throughput(results: Results) -> str:
    rows = results.of(Throughput, THROUGHPUT)
    head = ["", "pictures at a time", "threads of each", "pictures/s"]
    cells = [
        [_way(row), str(row.concurrent), str(row.threads), f"{row.pictures_per_second:.2f}{mark(row.unstable)}"]
        for row in rows
    ]
    chosen = best([row for row in rows if row.peer is None])
    picture = f"{MODELS[chosen.model]}, {sides(chosen.height, chosen.width)}, {chosen.unknown_fraction:.0%} unknown"
    setting = f"`{chosen.way}`, {chosen.concurrent} at a time, {chosen.threads} threads each"
    about = f"{picture}. Best here: {setting}, {chosen.pictures_per_second:.2f} pictures/s."
    return f"{table(head, cells)}\n\n{about} {machine_line(results, THROUGHPUT)}"


def _way(row: Throughput) -> str:
    return f"`{row.way}`" if row.peer is None else TITLES[row.peer]
