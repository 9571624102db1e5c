"""int8 on the CPU: a network that computes in whole numbers, beside ONNX Runtime on the graph that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import dim_trt
from dim_trt import _core
from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.export import export_model
from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.pictures import shipped_pictures
from dim_trt.graph.precision import to_int8
from dim_trt.graph.runtime import Session
from dim_trt.graph.storage import store_weights
from dim_trt.graph.translate import translate
from dim_trt.graph.whole_numbers import not_in_int8
from dim_trt.plans.int8 import choose_int8
from tests.support.networks import input_tensor, random_picture
from tests.support.tiny_graphs import tiny_dim

pytest.importorskip("onnxruntime")
IMG, TRIMAP = random_picture(3, 131, 197)


@pytest.fixture(name="network", scope="module")
def fixture_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "tiny.onnx"
    onnx.save(tiny_dim(skip=False), path)
    return path


@pytest.fixture(name="plan", scope="module")
def fixture_plan(network: Path) -> Path:
    """With nothing left out."""
    path = network.with_name("int8.plan")
    dim_trt.build_plan(network, path, precision="int8", backend="cpu", threshold=1e9)
    return path


def opened(plan: Path) -> dim_trt.Engine:
    return dim_trt.Engine(plan, device="cpu", threads=2, color="rgb")


def reference(network: Path, img: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Alpha by ONNX Runtime, which quantizes as the plan with nothing left out does."""
    source = load_onnx(network)
    graph = import_graph(source.proto)
    never = not_in_int8(graph)
    chosen = choose_int8(graph, shipped_pictures(), source, 1e9, never=never)
    quantized = to_int8(graph, chosen.ranges, never, base="fp32", is_stored=True)
    model = export_model(store_weights(quantized, "int8"))  # first and last convolutions as float16
    (alpha,) = Session(model).run(input_tensor(img, trimap).numpy())
    height, width = trimap.shape
    return np.where(np.isin(trimap, (0, 255)), trimap / 255, alpha[0, 0, :height, :width])


def test_alpha_is_that_of_the_quantized_graph(network: Path, plan: Path, tmp_path: Path) -> None:
    expected = reference(network, IMG, TRIMAP)
    alpha = opened(plan).run(IMG, TRIMAP)
    dim_trt.build_plan(network, tmp_path / "fp32.plan", backend="cpu")
    change = np.abs(dim_trt.Engine(tmp_path / "fp32.plan", color="rgb").run(IMG, TRIMAP) - expected)
    assert change.mean() > 3e-4  # so much int8 does here
    assert np.abs(alpha - expected).mean() < 2e-5
    assert np.quantile(np.abs(alpha - expected), 0.999) < 1e-3  # a step more, where a value lies between two


def test_info_and_profile_say_what_each_layer_computes_in(network: Path, plan: Path, tmp_path: Path) -> None:
    engine = opened(plan)
    assert (engine.info["precision"], engine.info["weights"]) == ("int8", "int8")
    in_int8 = {name for name, precision in engine.info["layers"].items() if precision == "int8"}
    assert in_int8 == {"conv2", "conv6"}  # what unpools multiplies the whole numbers as floats
    steps = {name for name, _ in engine.profile(IMG, TRIMAP)}
    assert {name for name in steps if name.endswith(" (int8)")} == {"conv2 (int8)", "conv6 (int8)"}
    dim_trt.build_plan(network, tmp_path / "fp32.plan", backend="cpu", weights="int8")
    assert set(dim_trt.Engine(tmp_path / "fp32.plan").info["layers"].values()) == {"fp32"}


def test_layers_that_read_what_others_need_as_floats_are_left_alone() -> None:
    graph = import_graph(tiny_dim(skip=True))  # encoder features are added to what is unpooled
    left = set(not_in_int8(graph))
    assert left == {"depool2", "depool1"}
    assert set(not_in_int8(graph, ["conv2"])) == {"conv2", "depool2", "depool1"}
    assert not not_in_int8(import_graph(tiny_dim(skip=False)))


@pytest.mark.parametrize("skip", [False, True])
def test_regions_and_strips_change_nothing(tmp_path: Path, skip: bool) -> None:
    """What lies beyond the region, or was in memory before, is not read."""
    network = tmp_path / "tiny.onnx"
    onnx.save(tiny_dim(skip=skip), network)
    dim_trt.build_plan(network, tmp_path / "int8.plan", precision="int8", backend="cpu", threshold=1e9)
    engine = opened(tmp_path / "int8.plan")
    rng = np.random.default_rng(0)
    for share in (0.0005, 0.02, 0.5):
        trimap = np.where(rng.random(IMG.shape[:2]) < share, 128, 255).astype(np.uint8)
        trimap[[0, -1], [5, -1]] = 128
        fresh = engine.run(IMG, trimap)
        engine.run(IMG[::-1], np.where(trimap == 128, 255, 128).astype(np.uint8))
        np.testing.assert_array_equal(engine.run(IMG, trimap), fresh)


@pytest.mark.parametrize("isa", _core.cpu_capabilities()["available_isas"])
def test_every_instruction_set_gives_the_same(isa: str, plan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = opened(plan).run(IMG, TRIMAP)
    monkeypatch.setenv("DIM_TRT_ISA", isa)
    alpha = dim_trt.Engine(plan, device="cpu", color="rgb").run(IMG, TRIMAP)
    assert np.abs(alpha - expected).mean() < 2e-5


def test_what_harms_alpha_most_is_left_out(network: Path, tmp_path: Path) -> None:
    header = dim_trt.build_plan(network, tmp_path / "int8.plan", precision="int8", backend="cpu", threshold=1e-4)
    assert header["int8"]["excluded"]
    layers = dim_trt.Engine(tmp_path / "int8.plan", device="cpu").info["layers"]
    assert {layers[name] for name in header["int8"]["excluded"]} == {"fp32"}


@pytest.mark.parametrize("options", [{"weights": "fp16"}, {"weights": "fp32"}])
def test_other_weights_are_refused(network: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="weights: expected None or 'int8', as what computes in int8 is stored so"):
        dim_trt.build_plan(network, tmp_path / "int8.plan", precision="int8", backend="cpu", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("given", [{"calibration": "."}, {"threshold": 0.1}])
def test_calibration_is_for_int8_alone(network: Path, tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(
        InvalidInput, match=f"^{next(iter(given))}: of int8 alone, and precision is 'fp32'; leave it out"
    ):
        dim_trt.build_plan(network, tmp_path / "fp32.plan", backend="cpu", **given)


def test_other_quantizations_are_refused_by_name() -> None:
    """Of a foreign graph, which may quantize what the backend cannot keep so."""
    graph = import_graph(tiny_dim(skip=True))
    ranges = {node.inputs[0].name: 4.0 for node in graph.nodes if node.op == "Conv"}
    quantized = to_int8(graph, ranges, base="fp32", is_stored=True)
    with pytest.raises(BuildError, match=r"reads 'conv6_relu\.out' in int8, which the cpu backend can write so only"):
        translate(lower(quantized))
