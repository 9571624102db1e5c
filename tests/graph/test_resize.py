"""Bilinear resizing on the CPU backend: against ONNX Runtime, PyTorch in float64, and what the regions leave out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

import dim_trt
from dim_trt import _core
from dim_trt.errors import BuildError
from dim_trt.graph.lower import import_graph, lower
from dim_trt.graph.runtime import Session
from dim_trt.graph.translate import translate
from tests.graph.dim_graphs import halo_of
from tests.support.compare import assert_within
from tests.support.networks import input_tensor
from tests.support.pictures import random_picture
from tests.support.tiny_graphs import GraphMaker

ISAS = _core.cpu_capabilities()["available_isas"]
MODES = ["half_pixel", "align_corners"]
RESIZE = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}


def resize(maker: GraphMaker, source: str, factor: float, name: str, **attributes: Any) -> str:
    scales = maker.constant(f"{name}.scales", np.array([1, 1, factor, factor], np.float32))
    return maker.add("Resize", [source, "", scales], name, **{**RESIZE, **attributes})


def network(mode: str) -> onnx.ModelProto:
    """Down and up by several factors: the input, maps of blocks, one of a single channel; a pooling beside them."""
    maker, how = GraphMaker(1), {"coordinate_transformation_mode": mode}
    half = resize(maker, "input", 0.5, "half", **how)
    features = maker.conv(half, 4, 20, 3, "conv1")
    deep = maker.conv(maker.pool(features, "pool1"), 20, 18, 3, "conv2")
    deep = maker.conv(resize(maker, deep, 0.25, "quarter", **how), 18, 17, 1, "conv3")
    x = maker.conv(resize(maker, deep, 8, "up8", **how), 17, 5, 3, "conv4")
    x = resize(maker, maker.conv(x, 5, 1, 3, "head", relu=False), 2, "up2", **how)
    return maker.model(maker.add("Sigmoid", [x], "activation"))


def plan_of(proto: onnx.ModelProto, folder: Path) -> Path:
    (folder / "dim.onnx").write_bytes(proto.SerializeToString())
    dim_trt.build_plan(folder / "dim.onnx", folder / "dim.plan", backend="cpu")
    return folder / "dim.plan"


def picture(seed: int, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """With a trimap that knows the last pixel alone."""
    img, trimap = random_picture(seed, height, width)
    trimap[:] = 128
    trimap[-1, -1] = 0
    return img, trimap


def reference(proto: onnx.ModelProto, img: NDArray[np.uint8], trimap: NDArray[np.uint8]) -> NDArray[np.float64]:
    alpha = Session(proto).run(input_tensor(np.ascontiguousarray(img[..., ::-1]), trimap).numpy())[0]
    return alpha[0, 0, : trimap.shape[0], : trimap.shape[1]].astype(np.float64)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("isa", ISAS)
def test_a_network_that_resizes_is_that_of_onnx_runtime(
    mode: str, isa: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIM_TRT_ISA", isa)
    proto = network(mode)
    engine = dim_trt.Engine(plan_of(proto, tmp_path), threads=2)
    for size in ((33, 95), (131, 70), (1, 2)):
        img, trimap = picture(3, *size)
        unknown = trimap == 128
        assert_within(engine.run(img, trimap)[unknown].astype(np.float64), reference(proto, img, trimap)[unknown], 1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_what_no_unknown_pixel_needs_changes_nothing(mode: str, tmp_path: Path) -> None:
    """The memory is full of another picture's numbers."""
    proto = network(mode)
    engine = dim_trt.Engine(plan_of(proto, tmp_path), threads=1)
    random = np.random.default_rng(0)
    for _ in range(12):
        img, _ = random_picture(5, 161, 223)
        trimap = np.zeros((161, 223), np.uint8)
        for y, x in zip(random.integers(0, 161, 3), random.integers(0, 223, 3), strict=True):
            trimap[y : y + 2, x : x + 3] = 128
        engine.run(255 - img, picture(6, *trimap.shape)[1])
        alpha = engine.run(img, trimap)
        unknown = trimap == 128
        assert_within(alpha[unknown].astype(np.float64), reference(proto, img, trimap)[unknown], 1e-5)


@pytest.mark.parametrize("factor", [0.125, 0.5, 1, 2, 8])
@pytest.mark.parametrize("mode", MODES)
def test_resizing_alone_is_that_of_float64(mode: str, factor: float, tmp_path: Path) -> None:
    """The first color, halved in size by pooling where it is enlarged afterwards."""
    maker, x, levels = GraphMaker(), "input", 3 if factor > 1 else 0
    color = np.zeros((1, 4, 1, 1), np.float32)
    color[0, 0] = 1
    x = maker.add("Conv", [x, maker.constant("color", color)], "color", kernel_shape=[1, 1])
    pooled = [f"pool{i}" for i in range(levels)]
    for name in pooled:
        x = maker.pool(x, name)
        x = maker.add("Conv", [x, maker.constant(f"{name}.one", np.ones((1, 1, 1, 1), np.float32))], f"{name}.conv")
    x = resize(maker, x, factor, "resize", coordinate_transformation_mode=mode)
    back = 2**levels / factor
    if back != 1:
        x = resize(maker, x, back, "back", coordinate_transformation_mode=mode)
    proto = maker.model(maker.add("Sigmoid", [x], "activation"))
    img, trimap = picture(7, 61, 93)
    planes = input_tensor(np.ascontiguousarray(img[..., ::-1]), trimap).double()[:, :1]
    for _ in pooled:
        planes = F.max_pool2d(planes, 2)
    for scale in (factor, back) if back != 1 else (factor,):
        planes = F.interpolate(planes, scale_factor=scale, mode="bilinear", align_corners=mode == "align_corners")
    expected = torch.sigmoid(planes)[0, 0, :61, :93].numpy()
    alpha = dim_trt.Engine(plan_of(proto, tmp_path)).run(img, trimap)
    unknown = trimap == 128
    assert_within(alpha[unknown].astype(np.float64), expected[unknown], 1e-6)


def test_the_halo_is_the_largest_reach_of_any_pixel() -> None:
    length, positions = 1024, torch.arange(32)
    lines = torch.ones(32, 1, length, dtype=torch.float64, requires_grad=True)

    def conv(x: torch.Tensor) -> torch.Tensor:
        return F.conv1d(x, torch.ones(1, 1, 3, dtype=x.dtype), padding=1)

    def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
        return F.interpolate(x, scale_factor=factor, mode="linear")

    x = conv(F.avg_pool1d(conv(scaled(lines, 0.5)), 2))
    x = scaled(conv(conv(scaled(scaled(x, 0.25), 8))), 2)
    (gradient,) = torch.autograd.grad(x[positions, 0, 512 + positions].sum(), lines)
    reach = 0
    for position, line in enumerate(gradient[:, 0], start=512):
        touched = line.nonzero()
        reach = max(reach, position - int(touched.min()), int(touched.max()) - position)
    assert halo_of(network("half_pixel")) == reach


def test_aligned_corners_depend_on_the_whole_picture() -> None:
    assert halo_of(network("align_corners")) == 1 << 20


@pytest.mark.parametrize(
    ("factor", "attributes", "reason"),
    [
        (3, {}, "has scales [1.0, 1.0, 3.0, 3.0]; expected 1 for batch"),
        (-2, {}, "has scales [1.0, 1.0, -2.0, -2.0]"),
        (2, {}, "larger than the picture: 2 times [1, 6, height, width]"),
        (0.5, {"mode": "nearest"}, "has mode nearest; expected linear"),
        (0.5, {"antialias": 1}, "has antialias 1; expected 0"),
        (0.5, {"coordinate_transformation_mode": "asymmetric"}, "expected half_pixel or align_corners"),
        (0.5, {"coordinate_transformation_mode": "pytorch_half_pixel"}, "expected half_pixel or align_corners"),
    ],
)
def test_other_ways_to_resize_are_refused(factor: float, attributes: dict[str, Any], reason: str) -> None:
    maker = GraphMaker()
    x = resize(maker, maker.conv("input", 4, 6, 3, "conv"), factor, "odd", **attributes)
    proto = maker.model(maker.conv(x, 6, 1, 3, "head", relu=False))
    with pytest.raises(BuildError, match=re.escape("node 'odd' (Resize) ") + ".*" + re.escape(reason)):
        translate(lower(import_graph(proto)))


def test_more_levels_than_the_stride_has_are_refused(tmp_path: Path) -> None:
    maker = GraphMaker()
    x = resize(maker, maker.conv("input", 4, 6, 3, "conv"), 1 / 64, "tiny")
    proto = maker.model(resize(maker, maker.conv(x, 6, 1, 3, "head", relu=False), 64, "back"))
    with pytest.raises(BuildError, match=r"multiples of 32, .* until they are 1/64 as large"):
        plan_of(proto, tmp_path)
