"""The short public list, its signatures, and what importing it costs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import resources

import pytest

import dim_trt
from tests.support import ROOT

pytestmark = [pytest.mark.public, pytest.mark.smoke]
EXPORTED = {
    "BackendUnavailable",
    "BuildError",
    "Busy",
    "Engine",
    "Error",
    "GpuArray",
    "InvalidInput",
    "PlanError",
    "Salient",
    "TensorRtOptions",
    "TensorRtRun",
    "__version__",
    "build_plan",
    "capabilities",
    "estimate_alpha",
    "stream",
}


def test_exported_names() -> None:
    assert set(dim_trt.__all__) == EXPORTED
    assert all(hasattr(dim_trt, name) for name in EXPORTED)


def test_everything_exported_is_documented() -> None:
    assert all(inspect.getdoc(getattr(dim_trt, name)) for name in EXPORTED - {"__version__"})
    assert all(inspect.getdoc(getattr(dim_trt.Engine, name)) for name in ("run", "submit", "profile", "close"))


def test_signatures() -> None:
    names = {
        dim_trt.build_plan: [
            *("onnx", "plan", "precision", "weights", "backend", "tensorrt", "preprocessing", "calibration"),
            "threshold",
        ],
        dim_trt.Engine: [
            "plan",
            "device",
            "threads",
            "color",
            "max_concurrent",
            "memory_limit_mb",
            "max_pixels",
            "orientations",
            "closed_form",
            "tensorrt",
        ],
        dim_trt.Engine.run: ["self", "img", "trimap", "out", "window", "stream"],
        dim_trt.Engine.submit: ["self", "img", "trimap", "out", "window", "timeout"],
        dim_trt.Engine.close: ["self"],
        dim_trt.TensorRtRun: ["crop", "cuda_graphs"],
        dim_trt.stream: ["engine", "frames", "lookahead"],
        dim_trt.Engine.profile: ["self", "img", "trimap"],
        dim_trt.capabilities: [],
    }
    for function, expected in names.items():
        assert list(inspect.signature(function).parameters) == expected


def test_version_is_the_one_of_pyproject() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{dim_trt.__version__}"' in pyproject


def test_typing_is_shipped() -> None:
    files = {entry.name for entry in resources.files("dim_trt").iterdir()}
    assert {"py.typed", "_core.pyi"} <= files


@pytest.mark.measures
def test_import_is_light_and_quiet() -> None:
    code = (
        "import time; start = time.process_time(); import dim_trt; seconds = time.process_time() - start\n"
        "import sys; heavy = {'torch', 'onnx', 'onnxruntime', 'onnx_graphsurgeon', 'cv2', 'training'}\n"
        "print(seconds, *sorted(heavy & set(sys.modules)))"
    )
    runs = [
        subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    assert all(not run.stderr for run in runs)
    assert all(len(run.stdout.split()) == 1 for run in runs), runs[0].stdout
    assert min(float(run.stdout) for run in runs) < 0.5


def test_capabilities_say_why_not() -> None:
    able = dim_trt.capabilities()
    assert able["version"] == dim_trt.__version__
    assert able["cpu"]["available"]
    assert able["cpu"]["isa"] in able["cpu"]["available_isas"]
    assert able["cpu"]["threads"] >= 1
    for name in ("tensorrt", "cuda"):
        assert able[name]["available"] or able[name]["reason"]
