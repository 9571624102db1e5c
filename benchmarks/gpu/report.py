"""The table of a GPU benchmark, and what it says about the goals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

from benchmarks.gpu.records import Accuracy, GpuLatency, GpuRecord, GpuThroughput, NotMeasured
from benchmarks.measure import mark

GOAL_SIZE = (1080, 1920)
GOAL_PER_S = 100
GOAL_RATIO = 2
PLUGIN, NATIVE = "dim_trt fp16 plugin", "dim_trt fp16 native"
COMPILED = "pytorch compiled fp16 channels-last"


def table(records: Sequence[GpuRecord]) -> str:
    dry = "Rehearsal: the cpu backend in place of TensorRT; these times say nothing." if records[0].rehearsal else ""
    times = sorted((row for row in records if isinstance(row, GpuLatency)), key=lambda row: (*_order(row), row.clock))
    rates = sorted((row for row in records if isinstance(row, GpuThroughput)), key=_order)
    found = [row for row in records if isinstance(row, Accuracy)]
    parts = [dry, latencies(times), throughputs(rates), accuracy(found), goals(times, rates), missing(records)]
    return "\n\n".join(part for part in parts if part)


def latencies(records: Sequence[GpuLatency]) -> str:
    rows = []
    for row in records:
        what = f"{row.unknown_fraction:.0%}{'' if row.region else ', whole picture'}"
        times = " | ".join(f"{ms:.3f}" for ms in astuple(row.times.latency_ms))
        rows.append(
            f"| {row.about.model} | {row.about.title} | {row.width}x{row.height} | {what} | {row.clock} | {times} "
            f"| {row.times.variation:.1%}{mark(row.times.unstable)} | {row.times.runs} |"
        )
    head = "| model | engine | size | unknown | clock | p50 ms | p90 ms | p95 ms | p99 ms | variation | runs |"
    return _table(head, rows)


def throughputs(records: Sequence[GpuThroughput]) -> str:
    rows = [
        f"| {row.about.model} | {row.about.title} | {row.width}x{row.height} | {row.in_flight} "
        f"| {row.throughput_per_s:.1f} |"
        for row in records
    ]
    return _table("| model | engine | size | in flight | pictures a second |", rows)


def accuracy(records: Sequence[Accuracy]) -> str:
    rows = [
        f"| {row.about.model} | {row.about.title} | {row.n} | {row.max_abs:.2e} | {row.mean_abs:.2e} "
        f"| {row.sad_change_percent:+.3f} % |"
        for row in records
    ]
    return _table("| model | engine | pictures | max abs | mean abs | ΔSAD |", rows)


def goals(times: Sequence[GpuLatency], rates: Sequence[GpuThroughput]) -> str:
    """Each goal as reached, missed or not measured, at 1080p with every pixel unknown."""
    p50 = {
        (row.about.title, row.clock): row.times.latency_ms.p50
        for row in times
        if _is_goal(row) and row.unknown_fraction == 1
    }
    plugin, native = p50.get((PLUGIN, "network")), p50.get((NATIVE, "network"))
    compiled, run = p50.get((COMPILED, "network")), p50.get((PLUGIN, "run"))
    per_s = [row.throughput_per_s for row in rates if _is_goal(row) and row.about.title == PLUGIN]
    rate = max([*per_s, 1e3 / run if run else 0.0])
    lines = [
        _verdict(f"full fp16 at 1080p, {GOAL_PER_S} pictures a second", rate or None, GOAL_PER_S),
        _verdict("native / plugin, time of the network", native / plugin if native and plugin else None, 1),
        _verdict("compiled PyTorch / plugin, same", compiled / plugin if compiled and plugin else None, GOAL_RATIO),
    ]
    return "Goals\n\n" + "\n".join(lines)


def _is_goal(row: GpuLatency | GpuThroughput) -> bool:
    return row.about.model == "full" and (row.height, row.width) == GOAL_SIZE


def missing(records: Sequence[GpuRecord]) -> str:
    lines = [
        f"- {row.KIND}: {' '.join(filter(None, (row.about.model, row.about.title)))} {row.step}: {row.reason}"
        for row in records
        if isinstance(row, NotMeasured)
    ]
    return "Not measured\n\n" + "\n".join(lines) if lines else ""


def _order(row: GpuLatency | GpuThroughput) -> tuple[str, int, float, str]:
    return row.about.model or "", row.height * row.width, row.unknown_fraction, row.about.title


def _verdict(goal: str, value: float | None, bound: float) -> str:
    if value is None:
        return f"- {goal}: not measured"
    return f"- {goal}: {value:.2f}, {'reached' if value >= bound else 'missed'}"


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([head, "|" + " --- |" * (head.count("|") - 1), *rows]) if rows else ""
