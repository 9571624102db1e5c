"""The charts: what each shows, as data, and how it is drawn. A PNG carries the hash of its data."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.methods import ENGINE, ONNXRUNTIME, PYTORCH, TITLES
from benchmarks.records import Latency, Stages
from benchmarks.report.quality import first_of
from benchmarks.result_files import Results
from dim_trt.files import write_atomic

KEY = "dim_trt data"  # of the text chunk with the hash
DPI = 160
INK, FAINT, GRID = "#24292f", "#57606a", "#e5e8eb"
COLORS = {ENGINE: "#0969da", ONNXRUNTIME: "#bc4c00", PYTORCH: "#8250df"}
OTHER = "#8c959f"
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "white",
    "figure.dpi": DPI,
}
DENSE = {"full": ("full-dense", "full-dense-1080p"), "lite, shipped weights": ("shipped-dense",)}
SIZE_TITLES = {(1080, 1920): "1080p"}


class Point(NamedTuple):
    height: int
    width: int
    ms: float

    @property
    def pixels(self) -> int:
        return self.height * self.width

    @property
    def title(self) -> str:
        sides = f"{self.width}×{self.height}" if self.height != self.width else f"{self.height}²"
        return SIZE_TITLES.get((self.height, self.width), sides)


LatencyData = dict[str, dict[str, list[Point]]]  # by model and peer


def latency_data(results: Results) -> LatencyData | None:
    """p50 by model, peer and size, all unknown."""
    data: LatencyData = {}
    for title, steps in DENSE.items():
        for row in (row for step in steps for row in results.of(Latency, step)):
            by_peer = data.setdefault(title, {})
            by_peer.setdefault(row.peer, []).append(Point(row.height, row.width, row.times.latency_ms.p50))
    for by_peer in data.values():
        for points in by_peer.values():
            points.sort(key=lambda point: point.pixels)
    return data or None


def draw_latency(data: LatencyData) -> Figure:
    figure = Figure(figsize=(8.6, 3.7), layout="constrained")
    axes = figure.subplots(1, len(data), squeeze=False)[0]
    for ax, (title, by_peer) in zip(axes, data.items(), strict=True):
        ax.set(xscale="log", yscale="log", title=title, ylabel="ms per picture, p50")
        sizes: dict[float, str] = {}
        for peer, points in by_peer.items():
            pixels = [point.pixels for point in points]
            sizes |= {point.pixels: point.title for point in points}
            wide = 2.4 if peer == ENGINE else 1.5
            ax.plot(pixels, [point.ms for point in points], "o-", lw=wide, ms=4, color=COLORS.get(peer, OTHER),
                    label=TITLES[peer], zorder=3 if peer == ENGINE else 2)  # fmt: skip
        ax.set_xticks(list(sizes), list(sizes.values()))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.set_xlabel("picture, all unknown")
        ax.legend(frameon=False, loc="upper left")
    return figure


class Method(NamedTuple):
    peer: str
    title: str
    sad: float
    seconds: float
    memory_mb: float


class QualityData(TypedDict):
    what: str
    rows: list[Method]


def quality_data(results: Results) -> QualityData | None:
    _, rows = first_of(results)
    if not rows:
        return None
    what = {"alphamatting": "alphamatting.com, narrow trimaps", "scenes": "drawn scenes"}[rows[0].data]
    methods = [
        Method(row.peer, row.title, row.sad, row.cost.seconds_per_picture, row.cost.peak_memory_mb)
        for row in rows
        if row.cost
    ]
    return {"what": f"{what}, n = {rows[0].n}", "rows": methods}


def draw_quality(data: QualityData) -> Figure:
    """Three columns of dots: quality, time, memory of each method."""
    rows = data["rows"]
    figure = Figure(figsize=(8.6, 0.9 + 0.34 * len(rows)), layout="constrained")
    panels: list[tuple[str, list[float], str]] = [
        ("error (SAD, thousands)", [row.sad for row in rows], "{:.2f}"),
        ("seconds a picture", [row.seconds for row in rows], "{:.2g}"),
        ("peak memory, MB", [row.memory_mb for row in rows], "{:.0f}"),
    ]
    axes = figure.subplots(1, len(panels), sharey=True)
    colors = [COLORS.get(row.peer, OTHER) for row in rows]
    for ax, (title, values, form) in zip(axes, panels, strict=True):
        heights = range(len(rows))
        if title.startswith("seconds"):
            ax.set_xscale("log")
            ax.set_xlim(min(values) / 2, max(values) * 5)
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_minor_locator(NullLocator())
        else:
            ax.set_xlim(0, max(values) * 1.3)
            ax.hlines(heights, 0, values, color=colors, lw=1.2, alpha=0.45)
        ax.scatter(values, heights, s=34, c=colors, zorder=3)
        for y, value in zip(heights, values, strict=True):
            ax.annotate(form.format(value), (value, y), xytext=(7, 0), textcoords="offset points", va="center", size=8)
        ax.set_title(title)
        ax.grid(visible=False, axis="y")
        ax.spines["left"].set_visible(False)
    axes[0].set_yticks(range(len(rows)), [row.title for row in rows])
    axes[0].invert_yaxis()
    for label, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        label.set_color(INK)
        label.set_fontweight("bold" if row.peer == ENGINE else "normal")
    figure.supxlabel(f"{data['what']}; left is better", size=8, color=FAINT)
    return figure


class Layer(NamedTuple):
    name: str
    ours_ms: float
    theirs_ms: float


class LayersData(TypedDict):
    what: str
    total_ms: dict[str, float]
    layers: list[Layer]


def layers_data(results: Results) -> LayersData | None:
    rows = {row.peer: row for row in results.of(Stages, "stages-full")}
    if not {ENGINE, ONNXRUNTIME} <= rows.keys():
        return None
    ours, theirs = (rows[name].stages_ms for name in (ENGINE, ONNXRUNTIME))
    layers = [name for name in theirs if max(ours.get(name, 0), theirs[name]) >= 0.5]
    total = {name: rows[name].total_ms for name in (ENGINE, ONNXRUNTIME)}
    first = rows[ENGINE]
    return {
        "what": f"{first.model}, {first.width}×{first.height}, all unknown, {first.threads} threads",
        "total_ms": total,
        "layers": [Layer(name, round(ours.get(name, 0.0), 2), round(theirs[name], 2)) for name in layers],
    }


def draw_layers(data: LayersData) -> Figure:
    layers = data["layers"]
    figure = Figure(figsize=(8.6, 1.0 + 0.2 * len(layers)), layout="constrained")
    ax: Axes = figure.subplots()
    ours, theirs = [row.ours_ms for row in layers], [row.theirs_ms for row in layers]
    for offset, ms, peer in ((-0.19, ours, ENGINE), (0.19, theirs, ONNXRUNTIME)):
        label = f"{TITLES[peer]}, {data['total_ms'][peer]:.0f} ms in all"
        ax.barh([y + offset for y in range(len(layers))], ms, 0.36, color=COLORS[peer], label=label)
    ax.set_yticks(range(len(layers)), [row.name for row in layers])
    ax.invert_yaxis()
    ax.margins(y=0.01)
    ax.grid(visible=False, axis="y")
    ax.set(title="Time by layer", xlabel=f"ms; {data['what']}")
    ax.legend(frameon=False, loc="best")
    return figure


class Chart(NamedTuple):
    """`data` gives None where there are no records; `shows` is what is read where the picture is not seen."""

    shows: str
    data: Callable[[Results], Any]
    draw: Callable[[Any], Figure]


CHARTS = {
    "quality_speed_memory.png": Chart("error, seconds a picture and memory of each method", quality_data, draw_quality),
    "latency_by_size.png": Chart("latency by size of the picture", latency_data, draw_latency),
    "time_by_layer.png": Chart("milliseconds of each layer, dim_trt and ONNX Runtime", layers_data, draw_layers),
}


def digest(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def write_chart(path: Path, data: object, draw: Callable[[Any], Figure]) -> None:
    stream = io.BytesIO()
    with mpl.rc_context(STYLE):
        draw(data).savefig(stream, format="png", dpi=DPI, metadata={KEY: digest(data), "Software": None})
    write_atomic(path, [stream.getvalue()], what="chart")


def chart_digest(path: Path) -> str | None:
    """Of the data that a chart was made from; None without such a file or hash."""
    from PIL import Image  # comes with matplotlib

    if not path.is_file():
        return None
    with Image.open(path) as picture:
        return picture.info.get(KEY)
