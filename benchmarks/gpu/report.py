"""The table of a GPU benchmark, and what it says about the goals."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import mark

Record = dict[str, Any]
GOAL_SIZE = (1080, 1920)
GOAL_PER_S = 100
GOAL_RATIO = 2
COMPILED = "pytorch compiled fp16 channels-last"


def table(records: list[Record]) -> str:
    dry = "Dry run: the cpu backend in place of TensorRT; these times say nothing." if records[0]["dry_run"] else ""
    parts = [dry, latencies(records), throughputs(records), accuracy(records), goals(records), missing(records)]
    return "\n\n".join(part for part in parts if part)


def title(record: Record) -> str:
    if record.get("peer") != "dim_trt":
        return str(record.get("peer", ""))
    return f"dim_trt {record['precision']} {record['unpool']}"


def latencies(records: list[Record]) -> str:
    rows = [
        f"| {row['model']} | {title(row)} | {row['height']}x{row['width']} | {row['unknown_fraction']:.0%}"
        f"{'' if row.get('region', True) else ', whole picture'} | {row['clock']} | {row['latency_ms']['p50']:.3f} "
        f"| {row['latency_ms']['p90']:.3f} | {row['latency_ms']['p95']:.3f} | {row['latency_ms']['p99']:.3f} "
        f"| {row['variation']:.1%}{mark(row)} | {row['runs']} |"
        for row in sorted(of_kind(records, "latency"), key=_order)
    ]
    head = "| model | engine | size | unknown | clock | p50 ms | p90 ms | p95 ms | p99 ms | variation | runs |"
    return _table(head, rows)


def throughputs(records: list[Record]) -> str:
    rows = [
        f"| {row['model']} | {title(row)} | {row['height']}x{row['width']} | {row['in_flight']} "
        f"| {row['throughput_per_s']:.1f} |"
        for row in sorted(of_kind(records, "throughput"), key=_order)
    ]
    return _table("| model | engine | size | in flight | pictures a second |", rows)


def accuracy(records: list[Record]) -> str:
    rows = [
        f"| {row['model']} | {title(row)} | {row['n']} | {row['max_abs']:.2e} | {row['mean_abs']:.2e} "
        f"| {row['sad_change_percent']:+.3f} % |"
        for row in of_kind(records, "accuracy")
    ]
    return _table("| model | engine | pictures | max abs | mean abs | ΔSAD |", rows)


def goals(records: list[Record]) -> str:
    """Each goal as reached, missed or not measured, at 1080p with every pixel unknown."""
    network = {
        (title(row), row["clock"]): row["latency_ms"]["p50"]
        for row in of_kind(records, "latency")
        if row["model"] == "full" and (row["height"], row["width"]) == GOAL_SIZE and row["unknown_fraction"] == 1
    }
    plugin, native = network.get(("dim_trt fp16 plugin", "network")), network.get(("dim_trt fp16 native", "network"))
    compiled, run = network.get((COMPILED, "network")), network.get(("dim_trt fp16 plugin", "run"))
    rates = [
        row["throughput_per_s"]
        for row in of_kind(records, "throughput")
        if row["model"] == "full" and title(row) == "dim_trt fp16 plugin" and (row["height"], row["width"]) == GOAL_SIZE
    ]
    rate = max([*rates, 1e3 / run if run else 0.0])
    lines = [
        _verdict(f"full fp16 at 1080p, {GOAL_PER_S} pictures a second", rate or None, GOAL_PER_S),
        _verdict("native / plugin, time of the network", native / plugin if native and plugin else None, 1),
        _verdict("compiled PyTorch / plugin, same", compiled / plugin if compiled and plugin else None, GOAL_RATIO),
    ]
    return "Goals\n\n" + "\n".join(lines)


def missing(records: list[Record]) -> str:
    lines = [
        f"- {row['kind']}: {' '.join(filter(None, (row.get('model'), title(row))))} {row['step']}: {row['reason']}"
        for row in records
        if row["kind"] in ("skipped", "failed")
    ]
    return "Not measured\n\n" + "\n".join(lines) if lines else ""


def of_kind(records: list[Record], kind: str) -> list[Record]:
    return [row for row in records if row["kind"] == kind]


def _order(row: Record) -> tuple[Any, ...]:
    return row["model"], row["height"] * row["width"], row["unknown_fraction"], row.get("clock", ""), title(row)


def _verdict(goal: str, value: float | None, bound: float) -> str:
    if value is None:
        return f"- {goal}: not measured"
    return f"- {goal}: {value:.2f}, {'reached' if value >= bound else 'missed'}"


def _table(head: str, rows: list[str]) -> str:
    return "\n".join([head, "|" + " --- |" * (head.count("|") - 1), *rows]) if rows else ""
