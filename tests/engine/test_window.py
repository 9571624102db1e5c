"""The window of a picture that the network must see: its rules, and that it changes nothing in alpha."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from tests.graph.dim_graphs import dim_onnx, halo_of, network
from tests.support.compare import assert_within
from tests.support.networks import random_picture
from tests.support.testing import _testing
from tests.support.tiny_graphs import tiny_dim
from training.model import ModelConfig

U8 = NDArray[np.uint8]
STRIDE, STEP = 32, 64


def slices(window: tuple[int, int, int, int]) -> tuple[slice, slice]:
    top, left, height, width = window
    return slice(top, top + height), slice(left, left + width)


def blob(random: np.random.Generator, shape: tuple[int, int], largest: int = 40) -> U8:
    """A known trimap with a few unknown pixels in a random rectangle of it."""
    trimap = random.choice(np.array([0, 255], np.uint8), shape)
    sides = [int(random.integers(1, min(largest, side) + 1)) for side in shape]
    top, left = (int(random.integers(0, side - n + 1)) for side, n in zip(shape, sides, strict=True))
    inside = random.random(sides) < random.choice([0.05, 1.0])
    inside.flat[random.integers(inside.size)] = True
    trimap[slices((top, left, *sides))][inside] = random.choice(np.array([1, 128, 254], np.uint8))
    return trimap


def unknown(trimap: U8) -> NDArray[np.bool_]:
    return (trimap != 0) & (trimap != 255)


def random_cases(count: int) -> Iterator[tuple[U8, int]]:
    random = np.random.default_rng(0)
    for _ in range(count):
        height, width = (int(side) for side in random.choice([1, 31, 32, 33, 64, 65, 161, 333, 400, 607, 736], 2))
        yield blob(random, (height, width), 90), int(random.choice([0, 1, 31, 32, 33, 57, 150, 1000]))


def check_span(first: int, end: int, used: NDArray[np.intp], side: int, halo: int) -> None:
    """Along one axis: `used` are the positions with an unknown pixel."""
    assert 0 <= first < end <= side
    assert first % STRIDE == 0
    assert first <= max(0, used.min() - halo)
    assert end >= min(side, used.max() + 1 + halo)
    if end < side:
        assert (end - first) % STEP == 0, "one of few sizes"
        assert end % STRIDE == 0, "nothing is padded inside of the picture"
    else:  # the padding mirrors what is before the last row or column
        padding = -side % STRIDE
        assert first <= max(0, side - 1 - padding)
    wanted = min(side, used.max() + 1 + halo) - max(0, used.min() - halo)
    assert end - first < wanted + STRIDE + STEP or first >= (side - 2 * STRIDE) // STRIDE * STRIDE, "not larger"


def test_windows_of_random_trimaps() -> None:
    at_border = inside = 0
    for trimap, halo in random_cases(1500):
        (top, left, height, width), parts = _testing.network_window(trimap, halo, STRIDE, STEP)
        rows, columns = np.nonzero(unknown(trimap))
        check_span(top, top + height, rows, trimap.shape[0], halo)
        check_span(left, left + width, columns, trimap.shape[1], halo)
        times = np.zeros(trimap.shape, int)
        for part in ((top, left, height, width), *parts):
            assert min(part) >= 0
            times[slices(part)] += 1
        assert (times == 1).all(), "the window and the parts around it make up the picture"
        at_border += top + height == trimap.shape[0]
        inside += top > 0 and left > 0 and top + height < trimap.shape[0] and left + width < trimap.shape[1]
    assert min(at_border, inside) > 20


def test_without_unknown_pixels_the_window_is_empty() -> None:
    trimap = np.zeros((33, 57), np.uint8)
    window, parts = _testing.network_window(trimap, 10, STRIDE, STEP)
    assert window == (0, 0, 0, 0)
    assert parts == [(0, 0, 33, 57), *[(0, 0, 0, 0)] * 3]


@pytest.mark.parametrize("order", ["strided", "reversed", "transposed"])
def test_any_memory_order(order: str) -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        trimap = blob(random, (97, 161))
        memory = np.zeros((194, 483), np.uint8)
        views = {"strided": memory[::2, ::3], "reversed": memory[96::-1, 160::-1], "transposed": memory[:161, :97].T}
        views[order][:] = trimap
        expected = _testing.network_window(trimap, 9, STRIDE, STEP)
        assert _testing.network_window(views[order], 9, STRIDE, STEP) == expected


@dataclass(frozen=True)
class Case:
    engine: dim_trt.Engine
    halo: int


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    protos: dict[str, Any] = {
        "two poolings": tiny_dim(),
        "two poolings, plain": tiny_dim(skip=False, refine=False, seed=1),
        "five poolings": dim_onnx(network(ModelConfig(width=0.03))),
        "five poolings, skip": dim_onnx(network(ModelConfig(width=0.03, skip=True))),
    }
    folder, made = tmp_path_factory.mktemp("window"), {}
    for name, proto in protos.items():
        onnx.save(proto, folder / "dim.onnx")
        dim_trt.build_plan(folder / "dim.onnx", folder / f"{name}.plan", backend="cpu")
        made[name] = Case(dim_trt.Engine(folder / f"{name}.plan"), halo_of(proto))
    return made


def compare(case: Case, img: U8, trimap: U8, halo: int) -> tuple[bool, float]:
    """Whether the window is smaller than the picture, and how far its alpha is from that of the whole picture."""
    window, _ = _testing.network_window(trimap, halo, STRIDE, STEP)
    inside = slices(window)
    alpha = case.engine.run(img[inside], trimap[inside])
    known = unknown(trimap)[inside]
    whole = case.engine.run(img, trimap)[inside]
    return window[2:] != trimap.shape, float(np.abs(alpha - whole)[known].max())


SIZES = [(161, 243), (97, 400), (385, 129), (321, 352), (259, 261), (130, 190)]


@pytest.mark.parametrize("name", ["two poolings", "two poolings, plain"])
@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
def test_a_window_gives_the_alpha_of_the_whole_picture(cases: dict[str, Case], name: str) -> None:
    case, random, smaller, errors = cases[name], np.random.default_rng(2), 0, []
    for size in SIZES:
        img, _ = random_picture(3, *size)
        for _ in range(12):
            crops, error = compare(case, img, blob(random, size), case.halo)
            smaller += crops
            errors.append(error)
    assert smaller > len(errors) / 2
    assert_within(errors, np.zeros(len(errors)), 1e-5, "alpha in the windows")


POSITIONS = [(0, 0), (0.5, 0.5), (1, 1), (0.3, 1), (1, 0.6)]  # of the unknown pixels, relative


@pytest.mark.parametrize("name", ["five poolings", "five poolings, skip"])
@pytest.mark.parametrize(("height", "width"), [(709, 741), (600, 953)])
@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
def test_a_window_of_the_real_depth(cases: dict[str, Case], name: str, height: int, width: int) -> None:
    case, smaller = cases[name], 0
    img, _ = random_picture(4, height, width)
    for down, right in POSITIONS:
        trimap = np.zeros((height, width), np.uint8)
        trimap[:, ::2] = 255
        trimap[slices((int(down * (height - 9)), int(right * (width - 21)), 9, 21))] = 99
        crops, error = compare(case, img, trimap, case.halo)
        smaller += crops
        assert error <= 1e-5
    assert smaller == len(POSITIONS)


def test_the_halo_is_needed(cases: dict[str, Case]) -> None:
    """Else the comparison would show nothing."""
    case, random = cases["two poolings"], np.random.default_rng(5)
    img, _ = random_picture(6, 161, 243)
    errors = [compare(case, img, blob(random, (161, 243)), 0)[1] for _ in range(20)]
    assert max(errors) > 1e-3
