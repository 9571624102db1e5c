"""int8 on the CPU: a network that computes in whole numbers, beside ONNX Runtime on the graph that says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_graphsurgeon as gs
import pytest

import dim_trt
from dim_trt import _core
from dim_trt.errors import BuildError, InvalidInput
from dim_trt.graph.export import export_model
from dim_trt.graph.load import load_onnx
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.pictures import shipped_pictures
from dim_trt.graph.precision import int8_inputs, quantizable, to_int8
from dim_trt.graph.quantize import quantized_activation
from dim_trt.graph.runtime import Session
from dim_trt.graph.storage import store_weights
from dim_trt.graph.translate import translate
from dim_trt.graph.whole_numbers import not_in_int8
from dim_trt.plans.int8 import choose_int8
from tests.kernels.test_quantized import has_dots
from tests.support.networks import input_tensor, random_picture
from tests.support.tiny_graphs import tiny_dim, tiny_salient

pytest.importorskip("onnxruntime")
IMG, TRIMAP = random_picture(3, 131, 197)


@pytest.fixture(name="network", scope="module", params=[False, True], ids=["plain", "skip"])
def fixture_network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("int8") / "tiny.onnx"
    onnx.save(tiny_dim(skip=request.param), path)
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
    chosen = choose_int8(graph, shipped_pictures(), source, 1e9, never=never, in_terms=True)
    quantized = to_int8(graph, chosen.ranges, never, base="fp32", is_stored=True, in_terms=True)
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
    unpooled = {"depool2", "depool1"} if has_dots(engine.info["isa"]) else set()  # else multiplied as floats
    assert in_int8 == {"conv2", "conv6"} | unpooled
    steps = {name for name, _ in engine.profile(IMG, TRIMAP)}
    assert {name for name in steps if name.endswith(" (int8)")} == {f"{name} (int8)" for name in in_int8}
    dim_trt.build_plan(network, tmp_path / "fp32.plan", backend="cpu", weights="int8")
    assert set(dim_trt.Engine(tmp_path / "fp32.plan").info["layers"].values()) == {"fp32"}


def test_layers_that_read_what_others_need_as_floats_are_left_alone() -> None:
    assert not not_in_int8(import_graph(tiny_dim(skip=False)))
    assert not not_in_int8(import_graph(tiny_dim(skip=True)))  # encoder features are added to what is unpooled
    graph = import_graph(tiny_dim(skip=True, decoder_kernel=3))  # which convolutions of 5x5 alone can read
    assert set(not_in_int8(graph)) == {"depool2", "depool1"}
    assert set(not_in_int8(graph, ["conv2"])) == {"conv2", "depool2", "depool1"}
    heads = import_graph(tiny_salient())  # each reads a feature, one of them unpooled besides
    assert {"conv2", "conv6"}.isdisjoint(not_in_int8(heads))
    assert {"deconv2", "deconv1"} <= set(not_in_int8(heads))


def test_what_is_added_is_kept_in_int8_on_both_sides_or_on_none() -> None:
    graph = import_graph(tiny_dim(skip=True))
    assert set(not_in_int8(graph, ["depool1"])) == {"depool1"}  # conv1 and depool2 write floats then
    kept = to_int8(
        graph, dict.fromkeys(names_read(graph), 4.0), ["depool1"], base="fp32", is_stored=True, in_terms=True
    )
    in_int8 = {op["output"] for op in translate(lower(kept)).ops if op.get("scale")}
    assert in_int8 == {"pool1.out", "conv2_relu.out", "pool2.out", "conv6_relu.out"}


def names_read(graph: gs.Graph) -> set[str]:
    inputs = [each for node in quantizable(graph) for each in int8_inputs(node, in_terms=True)]
    return {reader.inputs[i].name for reader, i in inputs}


@pytest.mark.parametrize("width", [1, 8], ids=["thin", "wide"])  # the wide one's conv2 is Winograd's for large regions
@pytest.mark.parametrize("skip", [False, True])
def test_regions_and_strips_change_nothing(tmp_path: Path, skip: bool, width: int) -> None:
    """What lies beyond the region, or was in memory before, is not read."""
    network = tmp_path / "tiny.onnx"
    onnx.save(tiny_dim(skip=skip, width=width), network)
    dim_trt.build_plan(network, tmp_path / "int8.plan", precision="int8", backend="cpu", threshold=1e9)
    engine = opened(tmp_path / "int8.plan")
    rng = np.random.default_rng(0)
    for share in (0.0005, 0.02, 0.5):
        trimap = np.where(rng.random(IMG.shape[:2]) < share, 128, 255).astype(np.uint8)
        trimap[[0, -1], [5, -1]] = 128
        fresh = engine.run(IMG, trimap)
        engine.run(IMG[::-1], np.where(trimap == 128, 255, 128).astype(np.uint8))
        np.testing.assert_array_equal(engine.run(IMG, trimap), fresh)


def test_terms_of_sums_have_steps_of_one_size(tmp_path: Path) -> None:
    """So that whole numbers can be added where that is faster."""
    graph = import_graph(tiny_dim(skip=True))
    pictures, never = shipped_pictures()[:1], not_in_int8(graph)
    onnx.save(tiny_dim(skip=True), tmp_path / "tiny.onnx")
    chosen = choose_int8(graph, pictures, load_onnx(tmp_path / "tiny.onnx"), 1e9, never=never, in_terms=True)
    sums = [terms for node in quantizable(graph, never) if len(terms := int8_inputs(node, in_terms=True)) > 1]
    assert len(sums) == 2
    for terms in sums:
        assert len({chosen.ranges[reader.inputs[i].name] for reader, i in terms}) == 1


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
    with pytest.raises(BuildError, match=r"quantizes a sum; the cpu backend does so only with what is added"):
        translate(lower(quantized))


def test_sums_with_other_kernels_are_refused_by_name() -> None:
    graph = import_graph(tiny_dim(skip=True, decoder_kernel=3))
    ranges = dict.fromkeys(names_read(graph), 4.0)
    quantized = to_int8(graph, ranges, base="fp32", is_stored=True, in_terms=True)
    with pytest.raises(BuildError, match=r"'depool2'.*reads a sum of tensors in int8, which .* kernels of 5 alone"):
        translate(lower(quantized))


def test_half_a_sum_in_int8_is_refused_by_name() -> None:
    graph = import_graph(tiny_dim(skip=True))
    add = next(node for node in graph.nodes if node.name == "skip_pool2")
    add.inputs[0] = quantized_activation(graph, add.inputs[0], np.asarray(0.1, np.float32))
    with pytest.raises(BuildError, match=r"'skip_pool2'.*'conv2_relu.out' in int8; only a sum of an unpooled tensor"):
        translate(lower(graph.cleanup().toposort()))
