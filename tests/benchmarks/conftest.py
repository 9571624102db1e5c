"""Records of a machine that there is not, a page to fill, and the report's command."""

from __future__ import annotations

import json

import pytest

MANIFEST = {
    "versions": {"dim_trt": "0.1.0", "torch": "2.13.0", "onnxruntime": "1.31.1", "pymatting": "1.1"},
    "machine": {"name": "x", "processor": "Some CPU", "isa": "avx2", "cores": 2, "system": "Linux"},
    "commit": "abc",
    "modified": False,
    "measured": "2026-01-02",
}


def latency(peer, ms, height=512, width=512, **more):
    same = {
        "max_abs_same_argmax": 1e-6, "pooling_windows": 4_000_000, "windows_of_another_argmax": 0, "largest_gap": 0.0
    }  # fmt: skip
    return {
        "engine": "dim_trt", "peer": peer, "model": "full", "picture": f"{height}x{width}", "precision": "fp32",
        "height": height, "width": width, "unknown_fraction": 1.0, "threads": 2,
        "latency_ms": {"p50": ms, "p90": ms, "p95": ms, "p99": ms}, "variation": 0.01, "unstable": False, "runs": 12,
        "frames_per_second": 1e3 / ms,
        "ratio": ms / 100, "load_s": 0.5, "first_run_s": 0.25, "max_abs_vs_pytorch": 2e-6,
        **(same if peer == "dim_trt" else {}), "pixels_beyond_tolerance": 0, "unknown_px": 9, **MANIFEST, **more,
    }  # fmt: skip


def score(peer, title, trimaps, sad, **more):
    return {
        "engine": "dim_trt", "peer": peer, "title": title, "model": "shipped", "precision": "fp32",
        "data": "alphamatting", "trimaps": trimaps, "n": 9, "megapixels": 0.48, "unknown_fraction": 0.2, "threads": 2,
        "sad": sad, "mse": 0.02, "mad": 0.07, "gradient": 5.0, "connectivity": 6.0, "seconds_per_picture": 0.05,
        "load_s": 0.5, "first_run_s": 0.25, "peak_memory_mb": 99, "pictures": {"GT01": {"sad": sad, "seconds": 0.05}},
        "plan_bytes": 6_590_000, "pictures_sha256": "abc", "mean_change": 0.0, "max_change": 0.0, **MANIFEST, **more,
    }  # fmt: skip


def nothing(trimaps):
    """What knowing nothing scores; it costs nothing."""
    costs = ("seconds_per_picture", "load_s", "first_run_s", "peak_memory_mb", "plan_bytes")
    row = score("alpha = 0.5", "alpha = 0.5", trimaps, 34.5, precision=None)
    return {key: value for key, value in row.items() if key not in costs}


@pytest.fixture
def results(tmp_path):
    """Records of a machine `x`, of all that has a chart."""
    stages = {
        "engine": "dim_trt", "model": "full", "precision": "fp32", "height": 512, "width": 512, "unknown_fraction": 1.0,
        "threads": 2, "runs": 12, "outside_convolutions": 0.1, "ratio": 1.0, **MANIFEST,
    }  # fmt: skip
    records = {
        "full-dense": [
            latency(peer, ms, side, side)
            for side in (256, 512)
            for peer, ms in (("dim_trt", 100.0), ("pytorch", 250.0), ("onnxruntime", 210.0))
        ],
        "full-dense-1080p": [
            latency(
                "dim_trt", 900.0, 1080, 1920, max_abs_vs_pytorch=0.07, windows_of_another_argmax=3, largest_gap=4e-7
            ),
            latency("onnxruntime", 1800.0, 1080, 1920, ratio=2.0),
        ],
        "quality-alphamatting": [
            score(peer, title, trimaps, sad, seconds_per_picture=seconds)
            for trimaps in ("trimap1", "trimap2")
            for peer, title, sad, seconds in (
                ("dim_trt", "dim_trt, fp32", 7.293, 0.05),
                ("pymatting-cf", "pymatting, closed-form", 5.04, 1.1),
            )
        ]
        + [
            nothing("trimap1"),
            nothing("trimap2"),
        ],
        "stages-full": [
            {**stages, "peer": "dim_trt", "total_ms": 3.0, "stages_ms": {"conv1_1": 1.0, "conv1_2": 2.0}},
            {**stages, "peer": "onnxruntime", "total_ms": 9.0, "stages_ms": {"conv1_1": 4.0, "conv1_2": 5.0}},
        ],
    }
    folder = tmp_path / "results"
    folder.mkdir()
    for step, rows in records.items():
        (folder / f"x_{step}.json").write_text(json.dumps(rows))
    return folder


@pytest.fixture
def page(tmp_path):
    text = "# Title\n\n<!-- results of other -->\n"
    for name in ("quality", "speed", "shipped", "threads", "latency_by_size.png"):
        text += f"\n<!-- report: {name} -->\nold\n<!-- end of report -->\nafter {name}\n"
    path = tmp_path / "page.md"
    path.write_text(text)
    return path


@pytest.fixture
def run():
    """`python -m benchmarks.report` with these arguments."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no charts")
    from benchmarks.report.__main__ import main

    return lambda *arguments: main([str(argument) for argument in arguments])
