"""The engine's pooling codes are PyTorch's, and given the same codes alpha differs by rounding alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import dim_trt
from benchmarks.latency.exactness import same_argmax
from benchmarks.pictures import Picture
from tests.support.exports import exported_network
from tests.support.networks import input_tensor, random_picture
from tests.support.plans import core_engine
from training.model import CONFIGS, ModelConfig

NOT_COMPUTED = 255
CONFIGURATIONS = {
    "full": CONFIGS["full"],
    "lite": CONFIGS["lite"],
    "odd channels": ModelConfig(width=0.11),
    "linear decoder": replace(ModelConfig(width=1 / 8), decoder="linear", conv6="none", output="clip", refine=False),
}


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def network(request, session_folder):
    """(model, plan)"""
    made = exported_network(session_folder, CONFIGURATIONS[request.param])
    return made.model, made.plan


def all_unknown(height, width):
    img, trimap = random_picture(0, height, width)
    trimap[:] = 128
    trimap[0, 0] = 255
    return img, trimap


@torch.inference_mode()
def codes_of(model, img, trimap):
    """PyTorch's."""
    x = input_tensor(img, trimap)
    codes = []
    for block in model.encoder_blocks():
        for conv in block:
            x = conv(x)
        width = x.shape[3]
        x, indices = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
        codes.append((2 * (indices // width % 2) + indices % 2)[0].numpy())
    return codes


def test_codes_are_those_of_pytorch(network):
    model, plan = network
    img, trimap = all_unknown(97, 131)
    ours = core_engine(plan, rgb=True).argmax(img, trimap)
    for codes, expected in zip(ours, codes_of(model, img, trimap), strict=True):
        assert (codes.dtype, codes.shape) == (np.uint8, expected.shape)
        computed = codes != NOT_COMPUTED
        assert computed.mean() > 0.9  # the padding below and to the right is not needed everywhere
        assert (codes != expected)[computed].sum() <= 2  # where two values differ by less than rounding


def test_only_what_unknown_pixels_depend_on_has_codes(network):
    _, plan = network
    img, trimap = random_picture(1, 257, 385)
    trimap[:] = 0
    trimap[3, 5] = 128
    for codes in core_engine(plan).argmax(img, trimap):
        assert (codes[:, 0, 0] < 4).all()
    trimap[:] = 255
    assert core_engine(plan).argmax(img, trimap) == []  # nothing runs


def test_with_the_same_argmax_alpha_differs_by_rounding_alone(network):
    model, plan = network
    found = same_argmax(model, plan, Picture("noise", *all_unknown(129, 191)))
    assert found.max_abs_same_argmax < 1e-5
    assert found.windows_of_another_argmax <= 1e-5 * found.pooling_windows
    assert found.largest_gap < 1e-6


def test_tiles_have_no_argmax_in_common(network):
    _, plan = network
    img, trimap = np.zeros((2000, 2000, 3), np.uint8), np.full((2000, 2000), 128, np.uint8)
    engine = core_engine(plan, memory_bytes=core_engine(plan, strip_bytes=8 << 20).working_bytes((1000, 1000)))
    with pytest.raises(dim_trt.InvalidInput, match="run in tiles"):
        engine.argmax(img, trimap)
