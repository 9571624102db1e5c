"""Pictures that are run in tiles: the tiles' rules, that they change nothing in alpha, and what memory they take."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import resources
from dim_trt.engine_options import check_backend
from tests.graph.dim_graphs import dim_onnx, halo_of, network
from tests.support.compare import assert_within
from tests.support.networks import random_picture
from tests.support.plans import core_engine, plan_for
from tests.support.testing import _testing
from tests.support.tiny_graphs import tiny_dim
from training.model import ModelConfig

U8 = NDArray[np.uint8]
Box = tuple[int, int, int, int]  # top, left, height, width
STRIDE = 32
MIB = 1 << 20

pytestmark = pytest.mark.filterwarnings("ignore:trimap. no pixel is known")


NETWORKS: dict[str, Callable[[], Any]] = {
    "two poolings": tiny_dim,
    "decoder 3x3": lambda: tiny_dim(skip=False, decoder_kernel=3),
    "decoder 7x7": lambda: tiny_dim(decoder_kernel=7),
    "plain": lambda: dim_onnx(network(ModelConfig(width=0.03))),
    "skip": lambda: dim_onnx(network(ModelConfig(width=0.03, skip=True))),
    "conv6 7x7": lambda: dim_onnx(network(ModelConfig(width=0.03, conv6="7x7x4096"))),
    "no refiner": lambda: dim_onnx(network(ModelConfig(width=0.03, refine=False))),
    "conv6 3x3, clip": lambda: dim_onnx(network(ModelConfig(width=0.03, conv6="3x3x512", output="clip"))),
}


def inside(box: Box) -> tuple[slice, slice]:
    top, left, height, width = box
    return slice(top, top + height), slice(left, left + width)


def unknown(trimap: U8) -> NDArray[np.bool_]:
    return (trimap != 0) & (trimap != 255)


def blobs(random: np.random.Generator, height: int, width: int, count: int) -> U8:
    """Known but for some rectangles, of which every third pixel is known, too."""
    trimap = random.choice(np.array([0, 255], np.uint8), (height, width))
    for _ in range(count):
        sides = [int(random.integers(1, side + 1)) // 2 + 1 for side in (height, width)]
        top, left = (int(random.integers(0, side - n + 1)) for side, n in zip((height, width), sides, strict=True))
        part = trimap[inside((top, left, *sides))]
        part[random.random(part.shape) < 2 / 3] = 99
    return trimap


# ------------------------------------------------------------------------------------------------------------- rules


def check_tile(window: Box, wanted: Box, size: tuple[int, int], halo: int, least: tuple[int, int]) -> None:
    """Along both axes the window holds what the network must see around what is wanted, where poolings fall alike."""
    for axis in (0, 1):
        first, end = window[axis], window[axis] + window[axis + 2]
        wanted_first, wanted_end, side = wanted[axis], wanted[axis] + wanted[axis + 2], size[axis]
        assert first % STRIDE == 0
        assert 0 <= first <= max(0, wanted_first - halo)
        assert min(side, wanted_end + halo) <= end <= side
        assert wanted_first < wanted_end
        assert end - first >= min(side, least[axis])
        if end < side:
            assert end % STRIDE == 0, "nothing is padded inside of the picture"
        else:  # the padding mirrors what is before the last row or column
            assert first <= max(0, side - 1 - -side % STRIDE)


def random_rules(random: np.random.Generator) -> tuple[int, tuple[int, int], int]:
    """Halo, least window, and the most pixels of a window: from the smallest tile's on."""
    halo = int(random.choice([0, 1, 31, 33, 57]))
    least = tuple(int(side) for side in random.choice([1, 1, 32, 150], 2))
    sides = [max(2 * halo + 2 * STRIDE - 1, 3 * STRIDE, side + 2 * STRIDE - 2) // STRIDE * STRIDE for side in least]
    return halo, (least[0], least[1]), int(np.prod(sides) * random.choice([1, 1.3, 2, 5]))


@pytest.mark.parametrize("unknown_only", [True, False])
def test_tiles_of_random_trimaps(unknown_only: bool) -> None:
    random, several = np.random.default_rng(0), 0
    for _ in range(400):
        size = [int(side) for side in random.choice([1, 31, 33, 64, 161, 333, 400, 607, 736, 1500], 2)]
        trimap = blobs(random, *size, count=int(random.integers(0, 4)))
        halo, least, pixels = random_rules(random)
        tiles = _testing.cut_tiles(trimap, halo, STRIDE, least, pixels, unknown_only)
        times = np.zeros(size, int)
        for window, wanted in tiles:
            check_tile(window, wanted, (size[0], size[1]), halo, least)
            padded = [-(-side // STRIDE) * STRIDE for side in window[2:]]
            assert np.prod(padded) <= pixels
            times[inside(wanted)] += 1
            assert not unknown_only or unknown(trimap)[inside(wanted)].any()
        assert times.max(initial=0) <= 1, "nothing is computed for two tiles"
        assert (times[unknown(trimap)] == 1).all()
        assert unknown_only or (times == 1).all(), "the picture is made up of what is wanted"
        several += len(tiles) > 3
    assert several > 40


def test_known_parts_cost_nothing() -> None:
    trimap = np.zeros((2000, 3001), np.uint8)
    trimap[5:9, 7:30] = trimap[1900:1950, 2950:3001] = 128
    tiles = _testing.cut_tiles(trimap, 57, STRIDE, (1, 1), 300 * 300, True)
    assert [wanted for _, wanted in tiles] == [(5, 7, 4, 23), (1900, 2950, 50, 51)]
    assert sum(window[2] * window[3] for window, _ in tiles) < 50_000


@pytest.mark.parametrize("name", ["two poolings", "plain", "skip", "conv6 7x7", "no refiner"])
def test_the_halo_is_that_of_the_graph(name: str, tmp_path: Path) -> None:
    proto = NETWORKS[name]()
    onnx.save(proto, tmp_path / "dim.onnx")
    dim_trt.build_plan(tmp_path / "dim.onnx", tmp_path / "dim.plan", backend="cpu")
    halo = dim_trt.Engine(tmp_path / "dim.plan").info["halo_px"]
    assert halo == halo_of(proto) > 0


# ------------------------------------------------------------------------------------------------------------- alpha


@pytest.fixture(scope="module", name="plans")
def fixture_plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, made = tmp_path_factory.mktemp("tiling"), {}
    for name, proto in NETWORKS.items():
        onnx.save(proto(), folder / "dim.onnx")
        made[name] = folder / f"{name}.plan"
        dim_trt.build_plan(folder / "dim.onnx", made[name], backend="cpu")
    return made


def limit_of(path: Path, side: int) -> int:
    """The memory, in bytes, with which a square of this side is run at once."""
    return core_engine(path, threads=2, strip_bytes=8 * MIB).working_bytes((side, side)) + MIB


def pictures(random: np.random.Generator, height: int, width: int) -> list[U8]:
    """Trimaps: everything unknown, a few rectangles, and single pixels at the corners."""
    corners = np.zeros((height, width), np.uint8)
    corners[[0, 0, -1, -1, height // 2], [0, -1, 0, -1, width // 2]] = 128
    return [np.full((height, width), 128, np.uint8), blobs(random, height, width, 2), corners]


@pytest.mark.parametrize(
    ("name", "side", "height", "width"),  # side: of the largest square tile
    [
        ("two poolings", 160, 385, 437),
        ("two poolings", 160, 1, 1999),
        ("two poolings", 128, 1203, 7),
        ("plain", 480, 709, 841),
        ("skip", 480, 903, 641),
        ("skip", 416, 33, 4999),
        ("conv6 3x3, clip", 608, 800, 835),
    ],
)
def test_tiles_give_the_alpha_of_the_whole_picture(
    plans: dict[str, Path], name: str, side: int, height: int, width: int
) -> None:
    whole = dim_trt.Engine(plans[name], threads=2)
    tiled = core_engine(plans[name], threads=2, memory_bytes=limit_of(plans[name], side))
    img, _ = random_picture(3, height, width)
    several = 0
    for trimap in pictures(np.random.default_rng(4), height, width):
        several += len(tiled.tiles(trimap)) > 1
        expected = whole.run(img, trimap)
        out = np.full((height, width), np.nan, np.float32)
        tiled.run(img, trimap, out)
        assert_within(out, expected, 1e-5, "alpha in tiles")
        np.testing.assert_array_equal(out[~unknown(trimap)], trimap[~unknown(trimap)] / np.float32(255))
    assert several >= 2


def test_lite_in_tiles_is_lite(lite: Path) -> None:
    height, width = 709, 953
    trimap = np.zeros((height, width), np.uint8)
    trimap[90:640, 200:760], trimap[150:600, 300:700] = 128, 255
    img, _ = random_picture(5, height, width)
    limited = dim_trt.Engine(lite, threads=2, memory_limit_mb=64)
    assert limited.info["memory_limit_mb"] == 64
    assert_within(limited.run(img, trimap), dim_trt.Engine(lite, threads=2).run(img, trimap), 1e-5)


def test_tiles_without_a_halo_would_show(plans: dict[str, Path]) -> None:
    """Else the comparison above would show nothing."""
    whole = dim_trt.Engine(plans["skip"], threads=2)
    img, _ = random_picture(3, 385, 437)
    trimap = np.full((385, 437), 128, np.uint8)
    expected, seams = whole.run(img, trimap), 0.0
    for window, _ in _testing.cut_tiles(trimap, 0, STRIDE, (1, 1), 256 * 256, True):
        alpha = whole.run(img[inside(window)], trimap[inside(window)])
        seams = max(seams, float(np.abs(alpha - expected[inside(window)]).max()))
    assert seams > 1e-3


def test_steps_are_summed_over_the_tiles(lite: Path) -> None:
    img, trimap = random_picture(6, 353, 701)
    trimap[:] = 0
    trimap[9:350:40, 9:690:40] = 128
    one = dim_trt.Engine(lite, threads=1)
    tiles = dim_trt.Engine(lite, threads=1, memory_limit_mb=limit_of(lite, 448) // MIB + 1)
    assert [name for name, _ in tiles.profile(img, trimap)] == [name for name, _ in one.profile(img, trimap)]


# ------------------------------------------------------------------------------------------------------------ memory

MEASURE = """
import re, sys
from pathlib import Path
import numpy as np
from dim_trt import _core, resources
plan, limit, height, width, kind = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
peak = lambda name: int(re.search(name + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
options = _core.EngineOptions()
options.cpu.threads, options.limits.memory_bytes = 2, limit
engine = _core.Engine(plan, options)
warm = np.full((33, 35), 128, np.uint8)
warm[0] = 0
engine.run(np.zeros((33, 35, 3), np.uint8), warm)  # starts the threads
trimap = np.full((height, width), 128, np.uint8)
trimap[0, 0] = 0
if kind == "checkerboard":
    trimap[::6, ::6] = 255
    trimap[trimap == 128] = 0
    trimap[::6, ::6] = 128
img = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
out = np.zeros((height, width), np.float32)
before = peak("VmRSS")
engine.run(img, trimap, out)
print(peak("VmHWM") - before, engine.working_bytes((height, width)), len(engine.tiles(trimap)))
"""


def measure(path: Path, limit: int, height: int, width: int, kind: str) -> tuple[int, int, int]:
    """Peak bytes of a run in a process of its own beside plan and arrays, what the engine expects, number of tiles."""
    arguments = [str(path), str(limit), str(height), str(width), kind]
    text = subprocess.check_output([sys.executable, "-c", MEASURE, *arguments], text=True, timeout=100)
    taken, expected, tiles = map(int, text.split())
    return taken, expected, tiles


@pytest.mark.measures
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("kind", ["all", "checkerboard"])
@pytest.mark.parametrize(("limit", "height", "width"), [(0, 353, 801), (52 * MIB, 353, 801)])
def test_memory_is_what_the_engine_says(lite: Path, limit: int, height: int, width: int, kind: str) -> None:
    taken, expected, tiles = measure(lite, limit, height, width, kind)
    allowed = limit or expected
    assert (tiles > 1) == (limit > 0)
    assert allowed / 2 < taken < allowed + 2 * MIB  # the second: the allocator's own, and the stacks of threads


@pytest.mark.parametrize("limit_mb", [45, 64, 101, 190])
def test_every_tile_keeps_the_limit(lite: Path, limit_mb: int) -> None:
    """Also where strips make a large window take less than a smaller one."""
    random, several = np.random.default_rng(11), 0
    core = core_engine(lite, threads=2, memory_bytes=limit_mb * MIB)
    for _ in range(30):
        height, width = (int(side) for side in random.integers(300, 3000, 2))
        tiles = core.tiles(blobs(random, height, width, 2))
        assert all(core.working_bytes(window[2:]) <= limit_mb * MIB for window, _ in tiles)
        several += len(tiles) > 2
    assert several > 8


def test_a_limit_that_no_tile_fits_is_refused(lite: Path) -> None:
    message = r"memory_limit_mb: expected at least (\d+) .*416x416 px takes, got 9"
    with pytest.raises(dim_trt.InvalidInput, match=message) as refused:
        dim_trt.Engine(lite, threads=2, memory_limit_mb=9)
    dim_trt.Engine(lite, threads=2, memory_limit_mb=int(re.search(message, str(refused.value))[1]))


@pytest.mark.parametrize(("name", "least"), [("memory_limit_mb", 0), ("max_pixels", 1)])
@pytest.mark.parametrize("value", [-1, -3, 1.5, True, "8", 2**80])
def test_limits_are_whole_numbers(lite: Path, name: str, least: int, value: Any) -> None:
    with pytest.raises(dim_trt.InvalidInput, match=f"{name}: expected a whole number from {least}, or None"):
        dim_trt.Engine(lite, **{name: value})


def test_memory_has_a_bound_by_default(lite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dim_trt.Engine(lite, memory_limit_mb=0).info["memory_limit_mb"] is None
    for usable_mb, runs, expected in ((1 << 20, 1, 448), (1024, 1, 256), (1024, 2, 128)):
        monkeypatch.setattr(resources, "usable_memory_bytes", lambda mb=usable_mb: mb << 20)
        assert dim_trt.Engine(lite, max_concurrent=runs).info["memory_limit_mb"] == expected
    monkeypatch.setattr(resources, "usable_memory_bytes", lambda: 8 << 20)  # less than a tile takes: never refused
    smallest = dim_trt.Engine(lite)
    assert 2 < smallest.info["memory_limit_mb"] < 128
    img, trimap = random_picture(6, 501, 703)
    assert len(smallest._core.tiles(trimap)) > 1
    assert_within(smallest.run(img, trimap), dim_trt.Engine(lite, memory_limit_mb=0).run(img, trimap), 1e-5)


def test_a_limit_is_for_plans_of_the_cpu() -> None:
    with pytest.raises(
        dim_trt.InvalidInput, match="memory_limit_mb: expected None, as the plan is one of the tensorrt"
    ):
        check_backend("tensorrt", threads=None, memory_limit_mb=512, tensorrt=None)


# ------------------------------------------------------------------------------------------- sizes that plans are for


def test_pictures_larger_than_the_plan_are_run_in_tiles(plans: dict[str, Path], tmp_path: Path) -> None:
    small = dim_trt.Engine(plan_for(plans["skip"], tmp_path / "small.plan", min=[100, 420], max=[470, 600]), threads=2)
    img, trimap = random_picture(7, 900, 1100)
    trimap[40:870, 50:1070] = 0  # unknown at the borders alone, where windows are smallest
    assert_within(small.run(img, trimap), dim_trt.Engine(plans["skip"], threads=2).run(img, trimap), 1e-5)


def test_plans_too_small_for_tiles_refuse_larger_pictures(plans: dict[str, Path], tmp_path: Path) -> None:
    small = dim_trt.Engine(plan_for(plans["skip"], tmp_path / "small.plan", max=[380, 640]))
    img, trimap = random_picture(8, 384, 200)
    small.run(img, trimap)  # 380 is padded to 384
    with pytest.raises(dim_trt.InvalidInput, match=r"img: expected at most 640x380 px .* got 200x385 px"):
        small.run(*random_picture(8, 385, 200))


# -------------------------------------------------------------------------------------------------------- max_pixels


def test_engines_refuse_more_pixels(lite: Path) -> None:
    limited = dim_trt.Engine(lite, max_pixels=33 * 57)
    assert limited.info["max_pixels"] == 33 * 57
    limited.run(*random_picture(9, 57, 33))
    with pytest.raises(dim_trt.InvalidInput, match=r"img: expected at most 1881 pixels \(max_pixels\), got 58x33 px"):
        limited.run(*random_picture(9, 33, 58))


def test_commands_take_both_limits(lite: Path, tmp_path: Path) -> None:
    img, trimap = random_picture(10, 131, 557)
    cv2.imwrite(str(tmp_path / "image.png"), img)
    cv2.imwrite(str(tmp_path / "trimap.png"), trimap)
    files = ["--image", "image.png", "--trimap", "trimap.png", "--plan", str(lite), "--threads", "2"]
    run = [sys.executable, "-W", "error", "-m", "dim_trt.matte", *files]
    subprocess.run(run, check=True, cwd=tmp_path, timeout=100)
    limit = str(limit_of(lite, 416) // MIB + 1)
    subprocess.run([*run, "-o", "tiles.png", "--memory-limit-mb", limit], check=True, cwd=tmp_path, timeout=100)
    alpha, tiles = (cv2.imread(str(tmp_path / name), cv2.IMREAD_UNCHANGED) for name in ("alpha.png", "tiles.png"))
    assert np.abs(alpha.astype(int) - tiles.astype(int)).max() <= 1  # a rounding that falls on either side
    for option, message in (
        (
            ["--max-pixels", "70000"],
            "image: 'image.png': expected at most 70000 pixels (max_pixels), got 72967 (557x131)",
        ),
        (["--max-pixels", "0"], "max_pixels: expected a whole number from 1, got 0"),
        (["--memory-limit-mb", "2"], "memory_limit_mb: expected at least"),
    ):
        refused = subprocess.run(
            [*run, *option, "-o", "a.png"], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=100
        )
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"error: {message}") or f"\nerror: {message}" in refused.stderr
