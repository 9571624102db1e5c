"""What `benchmarks.latency` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np

from benchmarks.latency.exactness import TOLERANCE
from benchmarks.markdown import table
from benchmarks.measure import UNSTABLE_NOTE, mark
from benchmarks.methods import ENGINE, TITLES
from benchmarks.records import Clocks, Latency, Worth


def text(rows: Sequence[Latency]) -> str:
    parts = [times(rows), clocks(rows), starts(rows), answers(rows), argmax(rows), means(rows), scaling(rows)]
    if any(row.times.unstable for row in rows):
        parts.append(UNSTABLE_NOTE)
    return "\n\n".join(part for part in parts if part)


def times(rows: Sequence[Latency]) -> str:
    head = ["picture", "unknown", "threads", "", "p50 ms", "p90", "p95", "p99", "variation", "runs", "pictures/s"]
    cells = [
        [
            row.picture,
            f"{row.unknown_fraction:.1%}",
            str(row.threads),
            TITLES[row.peer],
            *(f"{ms:.1f}" for ms in astuple(row.times.latency_ms)),
            f"{row.times.variation:.1%}{mark(row.times.unstable)}",
            str(row.times.runs),
            f"{row.times.frames_per_second:.2f}",
            f"{row.ratio:.2f}",
        ]
        for row in rows
    ]
    return table([*head, "time / dim_trt"], cells, 4)


def clocks(rows: Sequence[Latency]) -> str:
    """Median of each clock and its ratio to the engine's."""
    cells = [[row.picture, TITLES[row.peer], *_clocks(row.clocks_ms)] for row in rows if row.clocks_ms]
    return table(["picture", "p50 ms by clock", "bare network", "run()", "file to file"], cells, 2) if cells else ""


def _clocks(clocks: Clocks) -> list[str]:
    return [f"{clock.p50:.1f} ({clock.ratio:.2f}×)" for clock in (clocks.network, clocks.run, clocks.files)]


def starts(rows: Sequence[Latency]) -> str:
    """Build, load and first run, peak memory; of each method on the first picture it had."""
    first: dict[tuple[str, int], Latency] = {}
    for row in rows:
        first.setdefault((row.peer, row.threads), row)
    cells = [
        [
            TITLES[peer],
            str(threads),
            "" if row.build_s is None else f"{row.build_s:.2f}",
            f"{row.load_s:.2f}",
            f"{row.first_run_s:.2f}",
            "" if row.peak_memory_mb is None else str(row.peak_memory_mb),
        ]
        for (peer, threads), row in first.items()
    ]
    return table(["", "threads", "build s", "load s", "first run s", "peak memory MB"], cells)


def answers(rows: Sequence[Latency]) -> str:
    """How far alpha is from PyTorch's, from float64 and from the truth, on unknown pixels."""
    last = {(row.picture, row.peer): row.worth for row in rows}
    head = [
        "picture",
        "",
        "SAD",
        "ΔSAD",
        "mean abs, PyTorch",
        "max abs, PyTorch",
        f"pixels > {TOLERANCE:.0e}",
        "of these by float64, too",
    ]
    cells = [[picture, TITLES[peer], *_answer(worth)] for (picture, peer), worth in last.items()]
    return table([*head, "max abs, float64", "rms, float64"], cells, 2)


def argmax(rows: Sequence[Latency]) -> str:
    """The engine beside a PyTorch that takes the same maxima."""
    last = {row.picture: row.worth.same_argmax for row in rows if row.worth.same_argmax}
    cells = [
        [
            picture,
            f"{same.max_abs_same_argmax:.1e}",
            f"{same.windows_of_another_argmax} of {same.pooling_windows}",
            f"{same.largest_gap:.1e}",
        ]
        for picture, same in last.items()
    ]
    head = ["picture", "max abs, PyTorch with the same argmax", "windows of another argmax", "largest gap there"]
    return table(head, cells) if cells else ""


def _answer(worth: Worth) -> list[str]:
    cells = [""] * 8
    if score := worth.score:
        cells[0] = f"{score.sad:.2f}"
        cells[1] = "" if score.sad_change_percent is None else f"{score.sad_change_percent:+.2f}%"
    if it := worth.difference:
        cells[2] = "" if it.mean_abs_vs_pytorch is None else f"{it.mean_abs_vs_pytorch:.1e}"
        cells[3:5] = f"{it.max_abs_vs_pytorch:.1e}", f"{it.pixels_beyond_tolerance} of {it.unknown_px}"
    if error := worth.float64:
        cells[5:] = str(error.pixels_beyond_both), f"{error.max_abs_vs_float64:.1e}", f"{error.rms_vs_float64:.1e}"
    return cells


def means(rows: Sequence[Latency]) -> str:
    """Of the ratios over all pictures, by peer and number of threads."""
    lines = []
    for peer, threads in dict.fromkeys((row.peer, row.threads) for row in rows):
        same = [row for row in rows if (row.peer, row.threads) == (peer, threads)]
        if peer != ENGINE and len(same) > 1:
            ratios = [row.ratio for row in same]
            unknown = np.mean([row.unknown_fraction for row in same])
            lines.append(
                f"{TITLES[peer]} / {ENGINE}, {threads} threads: mean ratio {np.mean(ratios):.2f}, "
                f"{min(ratios):.2f} to {max(ratios):.2f} (n={len(same)}, mean unknown {unknown:.1%})"
            )
    return "\n".join(lines)


def scaling(rows: Sequence[Latency]) -> str:
    """How much faster more threads are."""
    counts = sorted({row.threads for row in rows})
    if len(counts) < 2:
        return ""
    cells = []
    for picture, peer in dict.fromkeys((row.picture, row.peer) for row in rows):
        ms = {r.threads: r.times.latency_ms.p50 for r in rows if (r.picture, r.peer) == (picture, peer)}
        speed_up = f"{ms[counts[0]] / ms[counts[-1]]:.2f}"
        cells.append([f"{picture}, {TITLES[peer]}", *(f"{ms[n]:.1f}" for n in counts), speed_up])
    return table(["p50 ms", *(f"{n} threads" for n in counts), f"speed-up {counts[0]} to {counts[-1]}"], cells)
