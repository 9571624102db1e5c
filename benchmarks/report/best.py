"""The table of benchmarks/README.md that has every peer at its best: in its fastest precisions, and what these cost."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.markdown import table
from benchmarks.measure import UNSTABLE, mark
from benchmarks.methods import METHODS, TITLES
from benchmarks.records import Latency
from benchmarks.report.wording import MODELS, machine_line, milliseconds
from benchmarks.result_files import Results

PICTURES = {  # by step
    "best-full-dense": "512×512",
    "best-full-band-1080p": "1080p, thin band",
    "best-shipped-dense": "512×512",
    "best-shipped-band-1080p": "1080p, thin band",
}
BEST = tuple(PICTURES)
JUDGED = "best-shipped-band-1080p"  # a trimap as people draw them, weights that matte


def best(results: Results) -> str:
    columns = {step: {row.peer: row for row in results.of(Latency, step)} for step in BEST}
    columns = {step: rows for step, rows in columns.items() if rows}
    head = [f"{MODELS[next(iter(rows.values())).model]}, {PICTURES[step]}" for step, rows in columns.items()]
    cells = [
        [
            TITLES[peer],
            *(_time(rows.get(peer)) for rows in columns.values()),
            *_worth(columns.get(JUDGED, {}).get(peer)),
        ]
        for peer in METHODS
        if any(peer in rows for rows in columns.values())
    ]
    threads = sorted({row.threads for rows in columns.values() for row in rows.values()})
    about = (
        f"p50 of `Engine.run` beside the bare network of the others, {_counted(threads)}; in brackets over ours in "
        "fp32. A drawn scene, in 512×512 with every pixel unknown, in 1080p with 5%. Each peer has its fastest graph, "
        "and int8 is calibrated on the same pictures everywhere. The last columns are of the shipped weights in 1080p: "
        "SAD against PyTorch's in fp32, and the change of alpha from it, on unknown pixels."
    )
    if any(row.times.unstable for rows in columns.values() for row in rows.values()):
        about += f" *unstable*: the standard deviation is above {UNSTABLE:.0%} of the mean."
    tables = table(["", *head, "ΔSAD", "mean change", "max change"], cells)
    return f"{tables}\n\n{about} {machine_line(results, *BEST)}"


def _time(row: Latency | None) -> str:
    return f"{milliseconds(row.times.latency_ms.p50)} ({row.ratio:.2f}×){mark(row.times.unstable)}" if row else ""


def _worth(row: Latency | None) -> list[str]:
    if row is None or row.worth.score is None or row.worth.difference is None:
        return ["", "", ""]
    change, difference = row.worth.score.sad_change_percent, row.worth.difference
    return [
        "" if change is None else f"{change:+.2f}%",
        "" if difference.mean_abs_vs_pytorch is None else f"{difference.mean_abs_vs_pytorch:.0e}",
        f"{difference.max_abs_vs_pytorch:.0e}",
    ]


def _counted(threads: Sequence[int]) -> str:
    return f"{' or '.join(map(str, threads))} thread{'s' * (threads != [1])}"
