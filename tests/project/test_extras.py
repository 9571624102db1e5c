"""What a package with each extra can do, and what is in it."""

from __future__ import annotations

import importlib
import importlib.util
import re
from importlib.metadata import files, metadata, requires
from pathlib import Path

import pytest

import dim_trt
from dim_trt import opencv

pytestmark = [pytest.mark.public, pytest.mark.smoke]
MODULES = {  # that can be imported with it
    "opencv": ("dim_trt.pictures.files", "dim_trt.trimaps", "dim_trt.matte", "dim_trt.trimap", "dim_trt.evaluate"),
    "heif": (),
    "video": ("dim_trt.video.job", "dim_trt.video.formats", "dim_trt.video.__main__"),
    "auto": ("dim_trt.masks",),
    "serve": ("dim_trt.serving.app", "dim_trt.serving.server"),
    "cluster": ("dim_trt.cluster", "dim_trt.cluster.run", "dim_trt.cluster.manifest"),
    "triton": ("dim_trt.triton.repository", "dim_trt.triton.__main__"),
    "cuda": (),
    "pycuda": (),
    "train": (),
}


def required(extra: str) -> set[str]:
    """Names of the packages that only this extra brings."""
    found = (re.match(r"([\w.-]+).*; extra == .(\w+)", line) for line in requires("dim_trt") or ())
    return {match[1] for match in found if match and match[2] == extra}


def test_there_are_no_others() -> None:
    assert set(metadata("dim_trt").get_all("Provides-Extra") or ()) == set(MODULES)


@pytest.mark.parametrize(
    ("extra", "package"),
    [
        ("opencv", "cv2"),
        ("video", "av"),
        ("auto", "onnxruntime"),
        ("serve", "uvicorn"),
        ("cluster", "ray"),
        ("triton", "tritonclient"),
    ],
)
def test_what_it_is_for_can_be_imported(extra: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    for module in MODULES[extra]:
        importlib.import_module(module)


def test_opencv_is_asked_for_by_one_extra_alone() -> None:
    """Whoever has another package of it must not get a second one."""
    asking = [line for line in requires("dim_trt") or () if line.startswith("opencv")]
    assert len(asking) == len(required("opencv")) == 1
    assert required("opencv") <= set(opencv.PACKAGES)


def test_cuda_is_for_builds_with_the_backend() -> None:
    assert {"tensorrt", "onnxruntime"} <= required("cuda")
    able, folder = dim_trt.capabilities()["tensorrt"], Path(str(dim_trt.__file__)).parent
    modules = {path.name.split(".")[1] for path in folder.glob("libdim_trt_tensorrt.*.so")}
    if "site-packages" in folder.parts:
        assert modules == {version.split(".")[0] for version in able["modules"]}
    if not able["modules"]:
        assert "installing TensorRT adds none" in able["reason"]


def test_training_tests_and_benchmarks_are_not_in_the_package() -> None:
    assert "torch" in required("train")
    tops = {path.parts[0] for path in files("dim_trt") or ()}
    assert tops
    assert not tops & {"training", "tests", "benchmarks", "tools"}
