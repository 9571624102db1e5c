"""README's table of speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.markdown import table
from benchmarks.measure import UNSTABLE, mark
from benchmarks.methods import ENGINE, ONNXRUNTIME, PYTORCH
from benchmarks.records import Latency
from benchmarks.report.wording import MODELS, machine_line, milliseconds
from benchmarks.result_files import Results

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
STEPS = tuple(dict.fromkeys(step for _, step in SPEED))


def speed(results: Results) -> str:
    head = ["model", "picture", "unknown", "dim_trt", "pictures/s", "ONNX Runtime", "PyTorch, channels-last", "max abs"]
    measured = [row for step in STEPS for row in results.of(Latency, step)]
    unstable = any(row.times.unstable for row in measured)
    note = f" *unstable*: the standard deviation is above {UNSTABLE:.0%} of the mean." if unstable else ""
    about = (
        "p50 of `Engine.run`, pre- and postprocessing included, beside the bare network of the others, in brackets "
        "their time over ours. Same weights, same threads, in turns in one process. alphamatting.com: GT01–GT09 at "
        "their own size with narrow trimaps, means. max abs: alpha against PyTorch's float32 on unknown pixels, given "
        "the same argmax; where PyTorch has another one, as two values of a pooling window differ by less than "
        f"rounding, in brackets the difference without that, and the number of these windows{_of_windows(results)}. "
        f"{min(row.times.runs for row in measured)} runs of each or more."
    )
    rows = [row for title, step in SPEED if (row := _row(title, results.of(Latency, step)))]
    return f"{table(head, rows, 2)}\n\n{about}{note} {machine_line(results, *STEPS)}"


def _of_windows(results: Results) -> str:
    """In how few windows, and by how much the values differ there."""
    given = [row.worth.same_argmax for _, step in SPEED for row in results.of(Latency, step)]
    ours = [same for same in given if same]
    windows = sum(same.pooling_windows for same in ours)
    differing = sum(same.windows_of_another_argmax for same in ours)
    gap = max((same.largest_gap for same in ours), default=0.0)
    of_all = f" ({differing} of {windows / 1e6:.0f} million, the gap at most {gap:.0e} of the largest value)"
    return of_all if differing else ""


def _row(title: str, rows: Sequence[Latency]) -> list[str]:
    size = SIZES.get(title)
    rows = [row for row in rows if size is None or (row.height, row.width) == size]
    ours = [row for row in rows if row.peer == ENGINE]
    if not ours:
        return []
    ms = float(np.mean([row.times.latency_ms.p50 for row in ours]))
    unknown = f"{np.mean([row.unknown_fraction for row in ours]):.0%}"
    named = f"{title}, n={len(ours)}" if len(ours) > 1 else title
    return [
        MODELS[ours[0].model],
        named,
        unknown,
        f"{milliseconds(ms)}{_unstable(ours)}",
        f"{1e3 / ms:.1f}",
        _peer(rows, ONNXRUNTIME),
        _peer(rows, PYTORCH),
        _difference(ours),
    ]


def _difference(ours: Sequence[Latency]) -> str:
    """The largest from PyTorch's alpha given the same argmax; in brackets the largest from PyTorch's own, and in how
    many pooling windows that has another argmax."""
    same = [row.worth.same_argmax for row in ours if row.worth.same_argmax]
    largest = max(each.max_abs_same_argmax for each in same)
    windows = sum(each.windows_of_another_argmax for each in same)
    own = max(row.worth.difference.max_abs_vs_pytorch for row in ours if row.worth.difference)
    return f"{largest:.0e} ({own:.0e}, {windows})" if windows else f"{largest:.0e}"


def _peer(rows: Sequence[Latency], peer: str) -> str:
    """Its mean p50 and the mean of the ratios."""
    theirs = [row for row in rows if row.peer == peer]
    if not theirs:
        return ""
    ms = float(np.mean([row.times.latency_ms.p50 for row in theirs]))
    ratio = float(np.mean([row.ratio for row in theirs]))
    return f"{milliseconds(ms)} ({ratio:.2f}×){_unstable(theirs)}"


def _unstable(rows: Sequence[Latency]) -> str:
    return mark(any(row.times.unstable for row in rows))
