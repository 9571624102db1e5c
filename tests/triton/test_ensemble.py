"""`dim-trt triton --ensemble`: all but TensorRT itself, in whose place ONNX Runtime runs the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from benchmarks.triton.server import ServerFailedError
from dim_trt.plans.header import read_header, write_plan
from dim_trt.triton import __main__ as triton
from tests.support.pictures import random_picture
from tests.triton.test_server import infer, served

ENGINE = b"TensorRT's engine"
NETWORK = """
import numpy as np
import onnxruntime
from dim_trt.triton.backend import arrays_of, response


class TritonPythonModel:
    def initialize(self, args):
        self.session = onnxruntime.InferenceSession({onnx!r}, providers=["CPUExecutionProvider"])

    def execute(self, requests):
        return [response({answer!r}, lambda: self.answer(request)) for request in requests]

    def answer(self, request):
        (x,) = arrays_of(request, {fed!r})
        return self.session.run(None, {{{fed!r}: np.ascontiguousarray(x)}})[0]
"""


@pytest.fixture(name="gpu_plan")
def fixture_gpu_plan(plan: Path, tmp_path: Path) -> Path:
    """A file such as `build` writes on a GPU, but for the engine."""
    path = tmp_path / "gpu.plan"
    write_plan(path, read_header(plan) | {"backend": "tensorrt", "tensorrt": {"version": "10.13.3"}}, ENGINE)
    return path


def run(*arguments: object, code: int = 0) -> None:
    assert triton.main([str(argument) for argument in arguments]) == code


def test_the_four_models(gpu_plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = tmp_path / "models"
    run(gpu_plan, "-o", models, "--ensemble", "--instances", 2)
    said = capsys.readouterr().out
    assert said.startswith(f"{models}/matting  tritonserver --model-repository {models} ")
    assert "--backend-config tensorrt,plugins=" in said
    assert said.rstrip().endswith("/libdim_trt_plugins.10.so")
    assert sorted(str(path.relative_to(models)) for path in models.rglob("*") if path.is_file()) == [
        "matting/config.pbtxt",
        "matting_finish/1/model.py",
        "matting_finish/config.pbtxt",
        "matting_network/1/model.plan",
        "matting_network/config.pbtxt",
        "matting_prepare/1/model.py",
        "matting_prepare/1/preprocessing.json",
        "matting_prepare/config.pbtxt",
    ]
    assert (models / "matting_network/1/model.plan").read_bytes() == ENGINE
    assert "kind: KIND_GPU count: 2" in (models / "matting_network/config.pbtxt").read_text()
    assert (models / "matting/1").is_dir()  # the server wants a version of an ensemble too


def test_the_server_finds_no_fault_but_that_tensorrt_is_missing(gpu_plan: Path, tmp_path: Path) -> None:
    run(gpu_plan, "-o", tmp_path / "models", "--ensemble")
    with pytest.raises(ServerFailedError, match="tensorrt") as failed, served(tmp_path / "models"):
        pass
    assert "unable to find backend library for backend 'tensorrt'" in str(failed.value)


@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_alpha_is_that_of_the_engine(color: str, gpu_plan: Path, plan: Path, tmp_path: Path) -> None:
    from tritonclient.grpc import InferenceServerException

    models = tmp_path / "models"
    run(gpu_plan, "-o", models, "--ensemble", "--color", color, "--max-pixels", 50 * 70)
    network_on_this_machine(models / "matting_network", plan)
    pictures: list[Any] = [random_picture(index, 37 + 2 * index, 53) for index in range(3)]
    pictures.append(random_picture(4, 32, 64))  # nothing is padded
    with served(models) as address, dim_trt.Engine(plan, "cpu", 1, color=color) as engine:
        for img, trimap in pictures:
            found = infer(address, img, trimap)
            np.testing.assert_allclose(found, engine.run(img, trimap), rtol=0, atol=1e-4)
            assert set(found[trimap == 0]) == {0}
            assert set(found[trimap == 255]) == {1}
        with pytest.raises(InferenceServerException, match="expected the image's size"):
            infer(address, pictures[0][0], pictures[1][1])
        with pytest.raises(InferenceServerException, match="expected at most 3500 pixels"):
            infer(address, *random_picture(0, 51, 70))


def network_on_this_machine(model: Path, plan: Path) -> None:
    """The same configuration, of another backend."""
    header = read_header(plan)
    config = (model / "config.pbtxt").read_text()
    for there, here in (('backend: "tensorrt"', 'backend: "python"'), ("KIND_GPU", "KIND_CPU")):
        assert there in config
        config = config.replace(there, here)
    (model / "config.pbtxt").write_text(config)
    (model / "1/model.plan").unlink()
    names = {"fed": header["inputs"][0]["name"], "answer": header["outputs"][0]["name"]}
    (model / "1/model.py").write_text(NETWORK.format(onnx=str(plan.with_suffix(".onnx")), **names))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("CPU",), "plan: --ensemble is for networks that TensorRT runs"),
        (("RESIZED",), "plan: --ensemble is for networks that TensorRT runs on pictures in their size"),
        (("GPU", "--orientations", "8"), "ensemble: --orientations is of the engine"),
        (("GPU", "--closed-form"), "ensemble: --closed-form is of the engine"),
        (("GPU", "--threads", "2"), "ensemble: --threads is of the engine"),
        (("GPU", "--name", "taken"), "taken_network' is there already"),
    ],
)
def test_refusals(
    arguments: tuple[str, ...],
    message: str,
    gpu_plan: Path,
    plan: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "models/taken_network").mkdir(parents=True)
    header, resize = read_header(gpu_plan), {"size": [32, 32], "pixels": "uint8", "img": "linear", "alpha": "linear",
                                             "trimap": "nearest"}  # fmt: skip
    header["preprocessing"] |= {"resize": resize, "padding": "none"}
    write_plan(tmp_path / "resized.plan", header, ENGINE)
    plans = {"CPU": plan, "GPU": gpu_plan, "RESIZED": tmp_path / "resized.plan"}
    run(plans[arguments[0]], "-o", tmp_path / "models", "--ensemble", *arguments[1:], code=1)
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["taken_network"]
