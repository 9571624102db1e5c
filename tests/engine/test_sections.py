"""Threads that compute sections of a picture by themselves give what one thread gives, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import _core
from tests.support.exports import exported_network
from tests.support.networks import random_picture
from tests.support.plans import core_engine
from tests.support.tiny_graphs import tiny_dim
from training.model import ModelConfig

SMALL = ModelConfig(width=1 / 8)
NETWORKS = {
    "skip": replace(SMALL, skip=True),
    "no refiner": replace(SMALL, refine=False),
    "conv6 7x7": replace(SMALL, conv6="7x7x4096"),
}
NEVER = 1 << 30


@pytest.fixture(name="plan", scope="module", params=[*NETWORKS, "int8"])
def fixture_plan(
    request: pytest.FixtureRequest, session_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    if request.param in NETWORKS:
        return exported_network(session_folder, NETWORKS[request.param]).plan
    folder = tmp_path_factory.mktemp("int8")
    onnx.save(tiny_dim(skip=True, width=8), folder / "tiny.onnx")
    dim_trt.build_plan(folder / "tiny.onnx", folder / "tiny.plan", precision="int8", backend="cpu", threshold=1e9)
    return folder / "tiny.plan"


def engine_of(plan: Path, threads: int, section_rows: int, strip_bytes: int) -> _core.Engine:
    return core_engine(plan, threads=threads, section_rows=section_rows, strip_bytes=strip_bytes)


def trimaps(height: int, width: int) -> list[NDArray[np.uint8]]:
    """All over, in a few places, and in the upper rows alone, where one thread's section is most of the picture."""
    rng = np.random.default_rng(height)
    dense, few = np.full((2, height, width), 128, np.uint8)
    dense[0, 0], few[...] = 0, 255
    few[rng.random(few.shape) < 0.002] = 128
    upper = np.where(np.arange(height)[:, None] < height // 4, dense, np.uint8(255))
    return [dense, few, upper]


@pytest.mark.parametrize(("height", "width"), [(419, 70), (161, 350)])
def test_sections_change_nothing(plan: Path, height: int, width: int) -> None:
    whole = engine_of(plan, 1, NEVER, 1 << 40)
    others = [engine_of(plan, threads, 1, strip_bytes) for threads in (2, 3, 5) for strip_bytes in (1, 64 << 20)]
    img, _ = random_picture(13, height, width)
    for picture in (img, img[::-1]):  # the second run meets the first one's numbers
        for trimap in trimaps(height, width):
            expected = whole.run(picture, trimap)
            for other in others:
                np.testing.assert_array_equal(other.run(picture, trimap), expected)


def test_sections_are_as_high_as_asked_for(session_folder: Path) -> None:
    plan = exported_network(session_folder, NETWORKS["skip"]).plan

    def working_bytes(section_rows: int) -> int:
        return engine_of(plan, 2, section_rows, 1 << 40).working_bytes((416, 1024))

    assert working_bytes(209) == working_bytes(NEVER)
    assert working_bytes(208) < working_bytes(209)  # each thread has some rows of its own in place of all for both


def test_all_steps_are_in_the_profile(session_folder: Path) -> None:
    plan = exported_network(session_folder, NETWORKS["skip"]).plan
    img, trimap = random_picture(1, 419, 70)
    profiles = [engine_of(plan, 2, rows, 1).profile(img, trimap) for rows in (NEVER, 1)]
    assert [name for name, _ in profiles[0]] == [name for name, _ in profiles[1]]
    assert all(ms >= 0 for _, ms in profiles[1])
    assert sum(ms for name, ms in profiles[1] if name.startswith("refine")) > 0
