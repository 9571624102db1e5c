"""Plans for segmentation: against ONNX Runtime, whatever the size; and what is refused."""

from __future__ import annotations

import json
import pickle
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import _core
from dim_trt.errors import BuildError, InvalidInput, PlanError
from dim_trt.graph.export import export_model
from dim_trt.graph.lower import import_graph
from dim_trt.graph.runtime import Session
from dim_trt.graph.storage import store_weights
from tests.support.compare import assert_within
from tests.support.pictures import random_picture
from tests.support.tiny_graphs import COLORS_ALONE, SEGMENTATION, GraphMaker, tiny_dim, tiny_salient

ISAS = _core.cpu_capabilities()["available_isas"]
FIXED = {"padding": "none", "resize": {"size": [64, 96], "pixels": "uint8", "img": "linear", "alpha": "linear"}}
SIZES = ((33, 95), (131, 70), (1, 2), (64, 96))


def plan_of(proto: onnx.ModelProto, folder: Path, **options: Any) -> Path:
    onnx.save(proto, folder / "salient.onnx")
    dim_trt.build_plan(folder / "salient.onnx", folder / "salient.plan", backend="cpu", **options)
    return folder / "salient.plan"


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return random_picture(seed, height, width)[0]


def fed(img: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[1, 3, height, width] as the definition says it, of a BGR picture that need not be filled up."""
    colors = img[:, :, ::-1].astype(np.float32)
    normalised = (colors - np.float32(COLORS_ALONE["mean"])) / np.float32(COLORS_ALONE["std"])
    return normalised.transpose(2, 0, 1)[None]


def filled_up(img: NDArray[np.uint8], stride: int = 32) -> NDArray[np.uint8]:
    height, width = img.shape[:2]
    padding = [(0, -height % stride), (0, -width % stride), (0, 0)]
    for axis in (0, 1):  # NumPy reflects a single pixel no further
        if img.shape[axis] == 1:
            img = np.repeat(img, 1 + padding[axis][1], axis)
            padding[axis] = (0, 0)
    return np.pad(img, padding, "reflect")


@pytest.mark.parametrize("isa", ISAS)
def test_masks_are_those_of_onnx_runtime(isa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIM_TRT_ISA", isa)
    proto = tiny_salient()
    salient = dim_trt.Salient(plan_of(proto, tmp_path), threads=2)
    for seed, size in enumerate(SIZES):
        img = picture(*size, seed)
        mask = salient.run(img)
        expected = Session(proto).run(fed(filled_up(img)))[0][0, 0, : size[0], : size[1]]
        assert mask.dtype == np.float32
        assert_within(mask, expected, 1e-5)


def test_pictures_are_scaled_to_the_size_that_the_network_wants(tmp_path: Path) -> None:
    proto = tiny_salient(**FIXED)
    salient = dim_trt.Salient(plan_of(proto, tmp_path))
    for seed, size in enumerate(SIZES):
        img = picture(*size, seed)
        small = Session(proto).run(fed(cv2.resize(img, (96, 64))))[0][0, 0]
        assert_within(salient.run(img), cv2.resize(small, size[::-1]), 1e-4)


@pytest.mark.parametrize("more", [{}, FIXED], ids=["filled up", "scaled"])
def test_what_was_in_memory_before_changes_nothing(more: dict[str, Any], tmp_path: Path) -> None:
    salient = dim_trt.Salient(plan_of(tiny_salient(**more), tmp_path))
    img = picture(50, 71)
    before = salient.run(img)
    salient.run(picture(130, 200, 3))
    assert_within(salient.run(img), before, 0)


@pytest.mark.parametrize("weights", ["fp16", "int8"])
def test_stored_weights_are_those_of_the_plan(weights: str, tmp_path: Path) -> None:
    proto, img = tiny_salient(), picture(64, 96)
    stored = export_model(store_weights(import_graph(proto), weights))
    mask = dim_trt.Salient(plan_of(proto, tmp_path, weights=weights)).run(img)
    assert_within(mask, Session(stored).run(fed(img))[0][0, 0], 1e-5)
    assert (mask != dim_trt.Salient(plan_of(proto, tmp_path)).run(img)).any()


def test_memory_orders_and_out(tmp_path: Path) -> None:
    plan = plan_of(tiny_salient(), tmp_path)
    salient, img = dim_trt.Salient(plan), picture(45, 71)
    expected = salient.run(img)
    assert_within(dim_trt.Salient(plan, color="rgb").run(img[:, :, ::-1]), expected, 0)
    wide = np.repeat(img, 2, axis=1)
    wide.flags.writeable = False
    assert_within(salient.run(wide[:, ::2]), expected, 0)
    out = np.full((45, 142), 7, np.float32)
    target = out[:, ::2]
    assert salient.run(img, out=target) is target
    assert_within(target, expected, 0)
    assert (out[:, 1::2] == 7).all()


def test_what_is_refused(tmp_path: Path) -> None:
    salient = dim_trt.Salient(plan_of(tiny_salient(), tmp_path))
    img = picture(8, 9)
    for bad, message in (
        (None, "img: expected a numpy array, got None"),
        (img[:, :, 0], r"img: expected shape \(height, width, 3\), got \(8, 9\)"),
        (img.astype(np.float32), "img: expected dtype uint8, got float32"),
        (img[:0], "img: expected height and width of at least 1"),
    ):
        with pytest.raises(InvalidInput, match=message):
            salient.run(bad)
    for out, message in (
        (np.empty((8, 8), np.float32), r"out: expected shape \(8, 9\) as img"),
        (np.empty((8, 9)), "out: expected dtype float32, got float64"),
    ):
        with pytest.raises(InvalidInput, match=message):
            salient.run(img, out=out)
    memory = np.zeros(8 * 9 * 4, np.uint8)
    with pytest.raises(InvalidInput, match=r"out: expected memory of its own, got memory it shares with img$"):
        salient.run(memory[: 8 * 9 * 3].reshape(8, 9, 3), out=memory.view(np.float32).reshape(8, 9))
    with pytest.raises(InvalidInput, match="img: expected 1x1 px to 16384x16384 px for this plan, got 16385x1 px"):
        salient.run(np.zeros((1, 16385, 3), np.uint8))
    with pytest.raises(InvalidInput, match="threads: expected"):
        dim_trt.Salient(tmp_path / "salient.plan", threads=0)


def test_an_engine_of_one_task_refuses_the_plan_of_another(tmp_path: Path) -> None:
    salient = plan_of(tiny_salient(), tmp_path)
    onnx.save(tiny_dim(), tmp_path / "dim.onnx")
    dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")
    with pytest.raises(PlanError, match=r"expected task 'matting', got 'segmentation'; load it with dim_trt\.Salient"):
        dim_trt.Engine(salient)
    with pytest.raises(PlanError, match=r"expected task 'segmentation', got 'matting'; load it with dim_trt\.Engine"):
        dim_trt.Salient(tmp_path / "dim.plan")


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    salient = dim_trt.Salient(plan_of(tiny_salient(**FIXED), tmp_path), threads=1)
    info = salient.info
    assert (info["task"], info["network"], info["backend"]) == ("segmentation", "salient", "cpu")
    assert info["inputs"] == [{"name": "input", "channels": 3}]
    assert info["preprocessing"]["resize"]["size"] == [64, 96]
    assert (info["threads"], info["device"], info["gpu_name"]) == (1, "cpu", None)
    assert repr(salient).startswith("Salient(")
    assert json.dumps(info)


def test_it_is_closed_and_pickled_as_engines_are(tmp_path: Path) -> None:
    img = picture(40, 50)
    with dim_trt.Salient(plan_of(tiny_salient(), tmp_path), threads=1) as salient:
        expected = salient.run(img)
        again = pickle.loads(pickle.dumps(salient))
    assert_within(again.run(img), expected, 0)
    with pytest.raises(InvalidInput, match="closed"):
        salient.run(img)


def test_threads_may_share_one(tmp_path: Path) -> None:
    salient = dim_trt.Salient(plan_of(tiny_salient(**FIXED), tmp_path))
    pictures = [picture(40 + 9 * i, 90 - 7 * i, i) for i in range(6)]
    expected = [salient.run(img) for img in pictures]
    results: list[Any] = [None] * len(pictures)

    def work(i: int) -> None:
        results[i] = salient.run(pictures[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mask, wanted in zip(results, expected, strict=True):
        assert_within(mask, wanted, 0)


def test_networks_that_do_not_fit_the_task_are_refused(tmp_path: Path) -> None:
    maker = GraphMaker()
    mask = maker.add("Sigmoid", [maker.conv("input", 4, 1, 3, "conv")], "s")
    values = json.dumps(COLORS_ALONE)
    proto = maker.model(mask, **SEGMENTATION, **{"dim_trt.preprocessing": values})
    with pytest.raises(BuildError, match=r"expected FLOAT \[1, 3, height, width\].*takes RGB and gives the mask"):
        plan_of(proto, tmp_path)
    with pytest.raises(BuildError, match="expected no trimap_scale, as the network is fed RGB"):
        plan_of(tiny_salient(trimap_scale=1.0), tmp_path)
