"""The colors under a matte, estimated on the GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack

from dim_trt import Engine, foreground
from tests.support.gpu import Plans
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]


@pytest.fixture(name="engine", scope="module")
def fixture_engine(plans: Plans) -> Engine:
    return Engine(plans.plan("skip"))


def matted(height: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    alpha = np.clip(np.random.default_rng(seed).normal(0.5, 0.7, (height, width)), 0, 1).astype(np.float32)
    return random_picture(seed, height, width)[0], alpha


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_colors_of_mixed_pixels_are_those_of_the_cpu(engine: Engine, dtype: type) -> None:
    for seed, size in enumerate([(1, 1), (61, 97), (1, 301), (1081, 1919)]):
        img, alpha = matted(*size, seed)
        img = img if dtype is np.uint8 else (img / 255).astype(np.float32)
        on_gpu, on_cpu = engine.foreground(img, alpha), foreground.estimate(img, alpha)
        for layer, expected, visible in zip(on_gpu, on_cpu, (alpha > 0, alpha < 1), strict=True):
            difference = np.abs(layer.astype(np.float64) - expected)[visible]
            assert difference.max(initial=0) <= (1 if dtype is np.uint8 else 1e-5)  # means are sums in another order


def test_arrays_on_the_gpu_stay_there(engine: Engine) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA here")
    img, alpha = matted(61, 97, 0)
    planar = torch.from_numpy(img).cuda().permute(2, 0, 1).contiguous().permute(1, 2, 0)
    expected = engine.foreground(img, alpha)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    torch.cuda.synchronize()
    for layers in (
        engine.foreground(planar, torch.from_numpy(alpha).cuda()),
        engine.foreground(planar, torch.from_numpy(alpha).cuda(), stream=stream),
    ):
        for layer, host in zip(layers, expected, strict=True):
            np.testing.assert_array_equal(from_dlpack(layer).cpu().numpy(), host)
