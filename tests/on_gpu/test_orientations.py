"""The mean over orientations on a GPU: from host memory, and where the pictures are on the GPU already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dim_trt import Engine
from tests.support.compare import assert_within
from tests.support.gpu import Plans
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]
ROUNDING = 2e-5  # the CPU's mean of runs may round otherwise


def mean_of_runs(engine: Engine, img: Any, trimap: Any) -> Any:
    alphas = []
    for quarters in range(4):
        for side in (1, -1):
            turned = [np.ascontiguousarray(np.rot90(array[:, ::side], quarters)) for array in (img, trimap)]
            alphas.append(np.rot90(engine.run(*turned), -quarters)[:, ::side].astype(np.float64))
    return np.mean(alphas, axis=0)


@pytest.mark.parametrize("size", [(61, 97), (33, 57), (201, 135)])
def test_alpha_is_the_mean_of_explicit_runs(plans: Plans, size: tuple[int, int]) -> None:
    plan = plans.plan("skip")
    img, trimap = random_picture(0, *size)
    trimap[:, : size[1] // 3] = 0  # windows differ from orientation to orientation
    alpha = Engine(plan, color="rgb", orientations=8).run(img, trimap)
    assert_within(alpha, mean_of_runs(Engine(plan, color="rgb"), img, trimap), ROUNDING)
    known = (trimap == 0) | (trimap == 255)
    np.testing.assert_array_equal(alpha[known], trimap[known] // 255)


@pytest.mark.parametrize("with_stream", [False, True])
def test_in_gpu_memory(plans: Plans, with_stream: bool) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA here")
    engine = Engine(plans.plan("skip"), color="rgb", orientations=8)
    img, trimap = random_picture(1, 61, 97)
    expected = engine.run(img, trimap)
    stream = torch.cuda.Stream() if with_stream else None
    with torch.cuda.stream(stream or torch.cuda.default_stream()):
        arrays = torch.from_numpy(img).cuda(), torch.from_numpy(trimap).cuda()
        out = torch.full(trimap.shape, float("nan"), device="cuda")
        engine.run(*arrays, out=out, stream=stream)
        alpha = out.cpu().numpy()
    assert_within(alpha, expected, ROUNDING)
