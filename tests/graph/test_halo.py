"""The halo: exact against a numerical receptive field, and enough for crops."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import dim_trt
from dim_trt.errors import BuildError
from tests.graph.dim_graphs import PLAIN, SMALL, dim_onnx, halo_of, network
from tests.support.compare import assert_within
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim
from training.model import DeepImageMatting, ModelConfig

CONFIGS = {
    "plain": PLAIN,
    "skip": SMALL,
    "conv6 3x3": ModelConfig(width=0.05, conv6="3x3x512"),
    "conv6 7x7, no refiner": ModelConfig(width=0.05, conv6="7x7x4096", refine=False),
}
MIDDLE = 512  # beyond the reach of the borders


def reaching(line: Tensor, config: ModelConfig) -> Tensor:
    """The network along one line, with everything linear and positive: gradients show what depends on what."""

    def conv(x: Tensor, kernel: int) -> Tensor:
        return F.conv1d(x, torch.ones(1, 1, kernel, dtype=x.dtype) / kernel, padding=kernel // 2)

    x, features = line, []
    for convs in (2, 2, 3, 3, 3):
        for _ in range(convs):
            x = conv(x, 3)
        features.append(x)
        x = F.avg_pool1d(x, 2)
    x = conv(x, int(config.conv6[0]))
    for feature in reversed(features):
        pooled = F.avg_pool1d(feature, 2)  # the codes depend on the whole window
        x = F.interpolate(x + pooled, scale_factor=2)
        x = conv(x + feature if config.skip else x, 5)
    raw = conv(x, 5)
    if not config.refine:
        return raw
    y = raw + line
    for _ in range(4):
        y = conv(y, 3)
    return raw + y


@pytest.mark.parametrize("name", CONFIGS)
def test_halo_is_the_largest_reach_of_any_pixel(name: str) -> None:
    config = CONFIGS[name]
    lines = torch.ones(32, 1, 2 * MIDDLE, dtype=torch.float64, requires_grad=True)  # one for each alignment
    positions = torch.arange(32)
    (gradient,) = torch.autograd.grad(reaching(lines, config)[positions, 0, MIDDLE + positions].sum(), lines)
    reach = 0
    for position, line in enumerate(gradient[:, 0], start=MIDDLE):
        touched = line.nonzero()
        reach = max(reach, position - int(touched.min()), int(touched.max()) - position)
    assert halo_of(dim_onnx(network(config))) == reach


def alpha_of(model: DeepImageMatting, x: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(x))[0, 0].numpy()


@pytest.mark.parametrize("config", [ModelConfig(width=0.03, skip=skip) for skip in (False, True)], ids=str)
def test_crops_with_a_halo_give_the_same_alpha(config: ModelConfig) -> None:
    model = copy.deepcopy(network(config)).double()
    halo = halo_of(dim_onnx(network(config)))
    random = np.random.default_rng(0)
    x = random.standard_normal((1, 4, 544, 672))
    whole = alpha_of(model, x)
    for top, left in ((250, 301), (3, 400), (530, 20)):  # in the middle, at borders
        bottom, right = min(top + 20, 544), left + 13
        y0, x0 = (max(0, start - halo) // 32 * 32 for start in (top, left))
        y1, x1 = (min(-(-(end + halo) // 32) * 32, side) for end, side in ((bottom, 544), (right, 672)))
        assert (y1 - y0) * (x1 - x0) < x[0, 0].size  # really a crop
        inside = (slice(top, bottom), slice(left, right))
        crop = alpha_of(model, x[:, :, y0:y1, x0:x1])
        assert_within(crop[top - y0 : bottom - y0, left - x0 : right - x0], whole[inside], 1e-6)
        if top != 250:
            continue
        other = random.standard_normal(x.shape) * 5
        seen = (slice(max(0, top - halo), bottom + halo), slice(max(0, left - halo), right + halo))
        other[:, :, seen[0], seen[1]] = x[:, :, seen[0], seen[1]]
        assert_within(alpha_of(model, other)[inside], whole[inside], 1e-9)


@pytest.mark.parametrize("kind", [{}, {"skip": False}, {"refine": False}, {"decoder_kernel": 3}], ids=str)
def test_programs_of_the_cpu_see_as_far_as_their_graphs(kind: dict[str, Any], tmp_path: Path) -> None:
    """The one is asked by engines on the CPU, the other goes into plans for TensorRT."""
    proto = tiny_dim(**kind)
    onnx.save(proto, tmp_path / "dim.onnx")
    dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")
    assert dim_trt.Engine(tmp_path / "dim.plan", device="cpu").info["halo_px"] == halo_of(proto) > 0


def test_sides_must_be_halved_as_often_as_the_network_does(tmp_path: Path) -> None:
    proto = tiny_dim()
    entry = next(entry for entry in proto.metadata_props if entry.key == "dim_trt.preprocessing")
    entry.value = json.dumps(PREPROCESSING | {"stride": 6})
    onnx.save(proto, tmp_path / "dim.onnx")
    with pytest.raises(BuildError, match=r"makes sides multiples of 6, .* 1/4 as large; export it with a stride of 4"):
        dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")


def test_reach_depends_on_every_part() -> None:
    """Else the walk would have lost a part."""
    configs = [PLAIN, CONFIGS["conv6 3x3"], CONFIGS["conv6 7x7, no refiner"]]
    halos = [halo_of(dim_onnx(network(config))) for config in configs]
    assert len(set(halos)) == 3
