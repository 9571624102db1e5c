"""Pictures and alpha that stay in GPU memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.dlpack import from_dlpack

from dim_trt import Engine, GpuArray
from dim_trt.errors import InvalidInput
from tests.support.compare import assert_within
from tests.support.gpu import Plans
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(300)]
NAME = "skip"


@pytest.fixture(autouse=True, scope="module")
def needs_cuda_in_torch(needs_gpu: None) -> None:
    if not torch.cuda.is_available():
        pytest.skip("PyTorch has no CUDA here")


class Interface:
    """A tensor as packages without DLPack show theirs."""

    def __init__(self, tensor: Any):
        self.tensor = tensor
        self.__cuda_array_interface__ = tensor.__cuda_array_interface__


@pytest.fixture(name="engine", scope="module")
def fixture_engine(plans: Plans) -> Engine:
    return Engine(plans.plan(NAME), color="rgb")


def on_gpu(height: int = 61, width: int = 97, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    img, trimap = random_picture(seed, height, width)
    return img, trimap, torch.from_numpy(img).cuda(), torch.from_numpy(trimap).cuda()


def test_alpha_is_that_of_host_arrays(engine: Engine) -> None:
    for seed, size in enumerate([(61, 97), (33, 57), (1, 301), (201, 35)]):
        img, trimap, gpu_img, gpu_trimap = on_gpu(*size, seed=seed)
        alpha = engine.run(gpu_img, gpu_trimap)
        assert isinstance(alpha, GpuArray)
        assert alpha.shape == size
        np.testing.assert_array_equal(from_dlpack(alpha).cpu().numpy(), engine.run(img, trimap))


def test_out_is_written_and_returned(engine: Engine) -> None:
    img, trimap, gpu_img, gpu_trimap = on_gpu()
    out = torch.full(trimap.shape, float("nan"), device="cuda")
    assert engine.run(gpu_img, gpu_trimap, out=out) is out
    np.testing.assert_array_equal(out.cpu().numpy(), engine.run(img, trimap))


def test_strides_and_both_protocols(engine: Engine) -> None:
    img, trimap, gpu_img, gpu_trimap = on_gpu()
    planar = gpu_img.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    turned = gpu_trimap.t().contiguous().t()
    expected = engine.run(img, trimap)
    for pair in ((planar, turned), (Interface(gpu_img), Interface(gpu_trimap))):
        np.testing.assert_array_equal(from_dlpack(engine.run(*pair)).cpu().numpy(), expected)


def test_callers_stream_is_waited_for_and_made_to_wait(engine: Engine) -> None:
    """Pictures are made on it after slow work, alpha is used on it, and nobody waits in between."""
    img, trimap, *_ = on_gpu()
    expected = engine.run(img, trimap)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    slow = torch.randn(4096, 4096, device="cuda")
    host = [torch.from_numpy(array).pin_memory() for array in (img, trimap)]
    out = torch.full(trimap.shape, float("nan"), device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        for _ in range(20):
            slow = slow @ slow / 4096
        gpu_img, gpu_trimap = (tensor.to("cuda", non_blocking=True) for tensor in host)
        engine.run(gpu_img, gpu_trimap, out=out, stream=stream)
        doubled = out * 2
    stream.synchronize()
    assert_within(doubled.cpu().numpy(), 2 * expected, 2e-5)  # whole pictures are run then


def test_submit_on_gpu_arrays(engine: Engine) -> None:
    quadruples = [on_gpu(seed=seed) for seed in range(6)]
    futures = [engine.submit(gpu_img, gpu_trimap) for _, _, gpu_img, gpu_trimap in quadruples]
    for future, (img, trimap, *_) in zip(futures, quadruples, strict=True):
        np.testing.assert_array_equal(from_dlpack(future.result()).cpu().numpy(), engine.run(img, trimap))


def test_no_unknown_pixels(engine: Engine) -> None:
    _, _, gpu_img, _ = on_gpu()
    trimap = torch.zeros(gpu_img.shape[:2], dtype=torch.uint8, device="cuda")
    trimap[:, 40:] = 255
    alpha = from_dlpack(engine.run(gpu_img, trimap)).cpu().numpy()
    np.testing.assert_array_equal(alpha, trimap.cpu().numpy().astype(np.float32) / 255)


def test_host_and_gpu_do_not_mix(engine: Engine) -> None:
    img, trimap, gpu_img, gpu_trimap = on_gpu()
    with pytest.raises(InvalidInput, match="trimap: expected an array in GPU memory"):
        engine.run(gpu_img, trimap)
    with pytest.raises(InvalidInput, match="img: expected an array in GPU memory"):
        engine.run(img, gpu_trimap)
    with pytest.raises(InvalidInput, match="trimap: expected the image's size"):
        engine.run(gpu_img, gpu_trimap[:-1].contiguous())
