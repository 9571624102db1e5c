"""README's tables, made of the records of `benchmarks.suite`. Each function is one block of Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.markdown import table
from benchmarks.measure import UNSTABLE, mark
from benchmarks.methods import (
    CLASSICAL,
    CLOCKS,
    CLOSED_FORM,
    COMPILED,
    EAGER,
    ENGINE,
    NETWORKS,
    ONNXRUNTIME,
    PYTORCH,
    TITLES,
)
from benchmarks.quality import HALF
from benchmarks.result_files import Record, Results
from benchmarks.throughput import best

# Title of the picture, step.
SPEED = (
    ("512×512", "full-dense"),
    ("1080p", "full-dense-1080p"),
    ("1080p, thin band", "full-band-1080p"),
    ("alphamatting.com", "full-alphamatting"),
    ("512×512", "shipped-dense"),
    ("1080p", "shipped-dense"),
    ("1080p, thin band", "shipped-band-1080p"),
    ("alphamatting.com", "shipped-alphamatting"),
)
SIZES = {"512×512": (512, 512), "1080p": (1080, 1920)}
MODELS = {"full": "full", "lite": "lite, random weights", "shipped": "lite, shipped"}
PACKAGES = {  # what a peer is part of
    "torch": ("PyTorch", {PYTORCH, EAGER, COMPILED}),
    "onnxruntime": ("ONNX Runtime", {ONNXRUNTIME}),
    "pymatting": ("pymatting", {*CLASSICAL}),
}
MEMORY = ("memory-full-1080p", "memory-full-4k", "memory-shipped-1080p")
NARROW, WIDE = "trimap1", "trimap2"


def machine_line(results: Results, *steps: str) -> str:
    """Where, with what and when these steps were measured; several sentences if they differ."""
    by_place: dict[tuple[str, str, str], set[tuple[int, str]]] = {}  # its packages, numbered
    for row in (row for step, rows in results.items() if step in steps for row in rows):
        about, versions = row["machine"], row["versions"]
        commit = f" ({row['commit']}{' with changes' if row['modified'] else ''})" if "commit" in row else ""
        where = f"{about['processor']}, {about['cores']} cores, {about['isa']}"
        packages = by_place.setdefault((where, row["measured"], f"dim_trt {versions['dim_trt']}{commit}"), set())
        for number, (key, (title, names)) in enumerate(PACKAGES.items()):
            if row.get("peer") in names:
                packages.add((number, f"{title} {versions[key].split('+')[0]}"))
    return " ".join(
        f"{where}; {', '.join([ours, *(name for _, name in sorted(used))])}; {date}."
        for (where, date, ours), used in by_place.items()
    )


def milliseconds(ms: float) -> str:
    return f"{ms:.0f} ms" if ms >= 100 else f"{ms:.1f} ms"


def speed(results: Results) -> str:
    head = ["model", "picture", "unknown", "dim_trt", "pictures/s", "ONNX Runtime", "PyTorch, channels-last", "max abs"]
    steps = [step for _, step in SPEED]
    unstable = any(row["unstable"] for step in steps for row in results.get(step, ()))
    note = f" *unstable*: the standard deviation is above {UNSTABLE:.0%} of the mean." if unstable else ""
    about = (
        "p50 of `Engine.run`, pre- and postprocessing included, beside the bare network of the others, in brackets "
        "their time over ours. Same weights, same threads, in turns in one process. alphamatting.com: GT01–GT09 at "
        "their own size with narrow trimaps, means. max abs: alpha against PyTorch's float32 on unknown pixels, given "
        "the same argmax; where PyTorch has another one, as two values of a pooling window differ by less than "
        f"rounding, in brackets the difference without that, and the number of these windows{_of_windows(results)}."
    )
    runs = [row["runs"] for step in steps for row in results.get(step, ())]
    about += f" {min(runs)} runs of each or more."
    rows = [row for title, step in SPEED if step in results and (row := _speed_row(title, results[step]))]
    return f"{table(head, rows, 2)}\n\n{about}{note} {machine_line(results, *steps)}"


def _of_windows(results: Results) -> str:
    """In how few windows, and by how much the values differ there."""
    ours = [row for _, step in SPEED for row in results.get(step, ()) if row["peer"] == ENGINE]
    windows = sum(row["pooling_windows"] for row in ours)
    differing = sum(row["windows_of_another_argmax"] for row in ours)
    gap = max((row["largest_gap"] for row in ours), default=0.0)
    of_all = f" ({differing} of {windows / 1e6:.0f} million, the gap at most {gap:.0e} of the largest value)"
    return of_all if differing else ""


def _speed_row(title: str, rows: Sequence[Record]) -> list[str]:
    size = SIZES.get(title)
    rows = [row for row in rows if size is None or (row["height"], row["width"]) == size]
    ours = [row for row in rows if row["peer"] == ENGINE]
    if not ours:
        return []
    ms = float(np.mean([row["latency_ms"]["p50"] for row in ours]))
    unknown = f"{np.mean([row['unknown_fraction'] for row in ours]):.0%}"
    named = f"{title}, n={len(ours)}" if len(ours) > 1 else title
    return [
        MODELS[ours[0]["model"]],
        named,
        unknown,
        f"{milliseconds(ms)}{_unstable(ours)}",
        f"{1e3 / ms:.1f}",
        _peer(rows, ONNXRUNTIME),
        _peer(rows, PYTORCH),
        _difference(ours),
    ]


def _difference(ours: Sequence[Record]) -> str:
    """The largest from PyTorch's alpha given the same argmax; in brackets the largest from PyTorch's own, and in how
    many pooling windows that has another argmax."""
    largest = max(row["max_abs_same_argmax"] for row in ours)
    windows = sum(row["windows_of_another_argmax"] for row in ours)
    own = max(row["max_abs_vs_pytorch"] for row in ours)
    return f"{largest:.0e} ({own:.0e}, {windows})" if windows else f"{largest:.0e}"


def _peer(rows: Sequence[Record], peer: str) -> str:
    """Its mean p50 and the mean of the ratios."""
    theirs = [row for row in rows if row["peer"] == peer]
    if not theirs:
        return ""
    ms = float(np.mean([row["latency_ms"]["p50"] for row in theirs]))
    ratio = float(np.mean([row["ratio"] for row in theirs]))
    return f"{milliseconds(ms)} ({ratio:.2f}×){_unstable(theirs)}"


def _unstable(rows: Sequence[Record]) -> str:
    return " *unstable*" if any(row["unstable"] for row in rows) else ""


def quality(results: Results) -> str:
    """Beside speed and memory; on the photographs, without them on drawn scenes."""
    step = "quality-alphamatting" if "quality-alphamatting" in results else "quality-scenes"
    rows = [row for row in results[step] if row["trimaps"] in (NARROW, "scenes")]
    return _quality_table(rows) + "\n\n" + _quality_note(rows[0]) + " " + machine_line(results, step)


def quality_scenes(results: Results) -> str:
    rows = results["quality-scenes"]
    return f"{_quality_table(rows)}\n\n{_quality_note(rows[0])} {machine_line(results, 'quality-scenes')}"


def _quality_table(rows: Sequence[Record]) -> str:
    head = ["", "SAD", "MSE", "gradient", "connectivity", "seconds a picture", "peak memory"]
    cells = []
    for row in rows:
        if row["peer"] != HALF:
            name = f"**{row['title']}**" if row["peer"] == ENGINE else row["title"]
            errors = [f"{row['sad']:.2f}", f"{1e3 * row['mse']:.1f}e-3", f"{row['gradient']:.2f}"]
            cost = [f"{row['seconds_per_picture']:.3f}", f"{row['peak_memory_mb']} MB"]
            cells.append([name, *errors, f"{row['connectivity']:.2f}", *cost])
    return table(head, cells)


def _quality_note(row: Record) -> str:
    what = {
        "alphamatting": f"alphamatting.com GT01–GT09 with {'narrow' if row['trimaps'] == NARROW else 'wide'} trimaps",
        "scenes": "Drawn scenes that no training run has, of each family",
    }[row["data"]]
    return (
        f"{what}, unknown region, n = {row['n']}, {row['megapixels']:.2f} megapixels on average; SAD, gradient and "
        "connectivity in thousands as the official evaluation of Composition-1k has them. Our shipped weights in all "
        "networks; seconds from the decoded picture to alpha; peak memory of a process that does nothing else."
    )


def precision(results: Results) -> str:
    step = "quality-alphamatting"
    rows = [row for row in results[step] if row["peer"] == ENGINE and row["trimaps"] == NARROW]
    cells = []
    for row in rows:
        change = ["", ""] if row is rows[0] else [f"{row['mean_change']:.1e}", f"{row['max_change']:.2f}"]
        cells.append([row["precision"], f"{row['plan_bytes'] / 1e6:.2f} MB", f"{row['sad']:.3f}", *change])
    head = ["stored weights", "plan", "SAD", "change of alpha, mean", "max"]
    what = "The shipped `lite` on alphamatting.com GT01–GT09 with narrow trimaps, unknown region"
    return f"{table(head, cells)}\n\n{what}, n = {rows[0]['n']}, SAD in thousands."


def shipped(results: Results) -> str:
    names = {ENGINE: "`lite`", CLOSED_FORM: "closed-form matting (pymatting)", HALF: "alpha = 0.5 everywhere"}
    cells = []
    for peer, title in names.items():
        found = {
            row["trimaps"]: row
            for row in reversed(results["quality-alphamatting"])
            if row["peer"] == peer and row["precision"] in ("fp32", None)
        }
        if {NARROW, WIDE} <= found.keys():
            figures = [(f"{found[t]['sad']:.2f}", f"{1e3 * found[t]['mse']:.1f}e-3") for t in (NARROW, WIDE)]
            cells.append([title, *(cell for pair in figures for cell in pair)])
    return table(["alphamatting.com GT01–GT09", "SAD narrow", "MSE narrow", "SAD wide", "MSE wide"], cells)


def memory(results: Results) -> str:
    cells = []
    for step in MEMORY:
        rows = {row["peer"]: row for row in results.get(step, ())}
        if ENGINE in rows:
            ours, theirs = rows[ENGINE], rows.get(ONNXRUNTIME)
            other = f"{theirs['peak_memory_mb']} MB ({theirs['memory_ratio']:.2f}×)" if theirs else ""
            cells.append([MODELS[ours["model"]], _size(ours), f"{ours['peak_memory_mb']} MB", other])
    about = "Peak resident memory of a process that mattes one picture and does nothing else."
    tables = table(["model", "size, all unknown", "dim_trt", "ONNX Runtime"], cells, 2)
    return f"{tables}\n\n{about} {machine_line(results, *MEMORY)}"


def clocks(results: Results) -> str:
    rows = [row for row in results["shipped-peers"] if "clocks_ms" in row]
    cells = []
    for row in rows:
        by_clock = [row["clocks_ms"][clock] for clock in CLOCKS]
        cells.append([TITLES[row["peer"]], *(f"{milliseconds(c['p50'])} ({c['ratio']:.2f}×)" for c in by_clock)])
    picture = f"{_size(rows[0])}, {rows[0]['unknown_fraction']:.0%} unknown"
    about = f"Shipped weights, a drawn scene of {picture}, p50; in brackets over ours by the same clock."
    tables = table(["", "bare network", "`run()`", "file to file"], cells)
    return f"{tables}\n\n{about} {machine_line(results, 'shipped-peers')}"


def _size(row: Record) -> str:
    return f"{row['height']}×{row['width']}"


def peers(results: Results) -> str:
    parts = []
    for step in ("full-peers", "shipped-peers"):
        rows = results.get(step, ())
        if rows:
            about = f"{MODELS[rows[0]['model']]}, {_size(rows[0])}, {rows[0]['unknown_fraction']:.0%} unknown"
            parts.append(f"{about}:\n\n{_peers_table(rows)}")
    return "\n\n".join([*parts, machine_line(results, "full-peers", "shipped-peers")])


def _peers_table(rows: Sequence[Record]) -> str:
    order = {name: number for number, name in enumerate((*NETWORKS, *CLASSICAL))}
    cells = [
        [
            TITLES[row["peer"]],
            *(f"{row['latency_ms'][p]:.1f}" for p in ("p50", "p90", "p95", "p99")),
            f"{row['variation']:.1%}{mark(row)}",
            f"{row['ratio']:.2f}×",
            f"{row['load_s']:.2f} s",
            f"{row['first_run_s']:.2f} s",
            f"{row['peak_memory_mb']} MB" if "peak_memory_mb" in row else "",
            f"{row['sad']:.2f}" if "sad" in row else "",
        ]
        for row in sorted(rows, key=lambda row: order[row["peer"]])
    ]
    head = ["", "p50 ms", "p90", "p95", "p99", "variation", "over ours", "load", "first run", "peak memory", "SAD"]
    return table(head, cells)


def threads(results: Results) -> str:
    rows = results["full-threads"]
    counts = sorted({row["threads"] for row in rows})
    cells = []
    for peer in dict.fromkeys(row["peer"] for row in rows):
        ms = {row["threads"]: row["latency_ms"]["p50"] for row in rows if row["peer"] == peer}
        speed_up = f"{ms[counts[0]] / ms[counts[-1]]:.2f}×"
        cells.append([TITLES[peer], *(milliseconds(ms[n]) for n in counts), speed_up])
    head = ["full, 512×512, all unknown", *(f"{n} thread{'s' * (n > 1)}" for n in counts)]
    return f"{table([*head, f'{counts[0]} to {counts[-1]}'], cells)}\n\n{machine_line(results, 'full-threads')}"


def throughput(results: Results) -> str:
    rows = results["throughput-shipped"]
    head = ["", "pictures at a time", "threads of each", "pictures/s"]
    cells = [
        [f"`{row['way']}`", str(row["concurrent"]), str(row["threads"]), f"{row['pictures_per_second']:.2f}{mark(row)}"]
        for row in rows
    ]
    chosen = best(rows)
    picture = f"{MODELS[chosen['model']]}, {_size(chosen)}, {chosen['unknown_fraction']:.0%} unknown"
    setting = f"`{chosen['way']}`, {chosen['concurrent']} at a time, {chosen['threads']} threads each"
    about = f"{picture}. Best here: {setting}, {chosen['pictures_per_second']:.2f} pictures/s."
    return f"{table(head, cells)}\n\n{about} {machine_line(results, 'throughput-shipped')}"


BLOCKS: dict[str, tuple[tuple[str, ...], Callable[[Results], str]]] = {
    # name: (steps of which one must be there, function)
    "quality": (("quality-alphamatting", "quality-scenes"), quality),
    "quality of scenes": (("quality-scenes",), quality_scenes),
    "speed": (tuple(step for _, step in SPEED), speed),
    "memory": (MEMORY, memory),
    "precision": (("quality-alphamatting",), precision),
    "shipped": (("quality-alphamatting",), shipped),
    "clocks": (("shipped-peers",), clocks),
    "peers": (("full-peers", "shipped-peers"), peers),
    "threads": (("full-threads",), threads),
    "throughput": (("throughput-shipped",), throughput),
}
