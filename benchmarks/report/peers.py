"""The tables of benchmarks/README.md that set the engine beside its peers: clocks, everything of each, threads."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.markdown import table
from benchmarks.measure import mark
from benchmarks.methods import METHODS, TITLES
from benchmarks.records import Latency
from benchmarks.report.wording import MODELS, machine_line, milliseconds, sides
from benchmarks.result_files import Results

PEERS = ("full-peers", "shipped-peers")
ON_A_SCENE = "shipped-peers"
THREADS = "full-threads"


def clocks(results: Results) -> str:
    rows = results.of(Latency, ON_A_SCENE)
    cells = []
    for row in rows:
        if it := row.clocks_ms:
            by_clock = [f"{milliseconds(clock.p50)} ({clock.ratio:.2f}×)" for clock in (it.network, it.run, it.files)]
            cells.append([TITLES[row.peer], *by_clock])
    picture = f"{sides(rows[0].height, rows[0].width)}, {rows[0].unknown_fraction:.0%} unknown"
    about = f"Shipped weights, a drawn scene of {picture}, p50; in brackets over ours by the same clock."
    tables = table(["", "bare network", "`run()`", "file to file"], cells)
    return f"{tables}\n\n{about} {machine_line(results, ON_A_SCENE)}"


def peers(results: Results) -> str:
    parts = []
    for step in PEERS:
        rows = results.of(Latency, step)
        if rows:
            first = rows[0]
            about = f"{MODELS[first.model]}, {sides(first.height, first.width)}, {first.unknown_fraction:.0%} unknown"
            parts.append(f"{about}:\n\n{_peers_table(rows)}")
    return "\n\n".join([*parts, machine_line(results, *PEERS)])


def _peers_table(rows: Sequence[Latency]) -> str:
    order = {name: number for number, name in enumerate(METHODS)}
    head = ["", "p50 ms", "p90", "p95", "p99", "variation", "over ours", "load", "first run", "peak memory"]
    return table(head, [_peer(row) for row in sorted(rows, key=lambda row: order[row.peer])])


def _peer(row: Latency) -> list[str]:
    ms = row.times.latency_ms
    return [
        TITLES[row.peer],
        *(f"{percentile:.1f}" for percentile in (ms.p50, ms.p90, ms.p95, ms.p99)),
        f"{row.times.variation:.1%}{mark(row.times.unstable)}",
        f"{row.ratio:.2f}×",
        f"{row.load_s:.2f} s",
        f"{row.first_run_s:.2f} s",
        "" if row.peak_memory_mb is None else f"{row.peak_memory_mb} MB",
    ]


def threads(results: Results) -> str:
    rows = results.of(Latency, THREADS)
    counts = sorted({row.threads for row in rows})
    cells = []
    for peer in dict.fromkeys(row.peer for row in rows):
        ms = {row.threads: row.times.latency_ms.p50 for row in rows if row.peer == peer}
        speed_up = f"{ms[counts[0]] / ms[counts[-1]]:.2f}×"
        cells.append([TITLES[peer], *(milliseconds(ms[n]) for n in counts), speed_up])
    head = ["full, 512×512, all unknown", *(f"{n} thread{'s' * (n > 1)}" for n in counts)]
    return f"{table([*head, f'{counts[0]} to {counts[-1]}'], cells)}\n\n{machine_line(results, THREADS)}"
