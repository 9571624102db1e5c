"""Alpha as the mean over the orientations of a picture: the mean of so many runs, whatever else an engine does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dim_trt
from tests.graph.dim_graphs import dim_onnx, network
from tests.support.compare import assert_within, max_error
from tests.support.networks import alpha_of, random_picture
from tests.support.plans import core_engine, plan_for
from tests.support.tiny_graphs import PREPROCESSING, tiny_dim
from training.model import ModelConfig

U8, F32 = NDArray[np.uint8], NDArray[np.float32]
SUMS = 2.0**-21  # what summing eight numbers of at most one in float32 can cost
MIB = 1 << 20
RESIZE = {"round": "down", "max_side": 0, "pixels": "uint8", "img": "linear", "trimap": "linear", "alpha": "linear"}

pytestmark = pytest.mark.filterwarnings("ignore:trimap. no pixel is known")


def preprocessed(**settings: Any) -> onnx.ModelProto:
    model = tiny_dim()
    next(entry for entry in model.metadata_props if entry.key == "dim_trt.preprocessing").value = json.dumps(
        PREPROCESSING | settings
    )
    return model


NETWORKS: dict[str, Callable[[], onnx.ModelProto]] = {
    "skip": lambda: dim_onnx(network(ModelConfig(width=0.03, skip=True))),
    "clip": lambda: dim_onnx(network(ModelConfig(width=0.03, output="clip"))),
    "gray trimap": lambda: preprocessed(trimap_values="raw"),
    "scaled": lambda: preprocessed(padding="none", trimap_values="raw", resize=RESIZE),
}


@pytest.fixture(name="plans", scope="module")
def fixture_plans(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, plans = tmp_path_factory.mktemp("orientations"), {}
    for name, make in NETWORKS.items():
        onnx.save(make(), folder / "dim.onnx")
        plans[name] = folder / f"{name}.plan"
        dim_trt.build_plan(folder / "dim.onnx", plans[name], backend="cpu")
    return plans


def turns(count: int) -> Iterator[tuple[Callable[[Any], Any], Callable[[Any], Any]]]:
    """Each orientation, and the way back."""
    for quarters, mirrored in itertools.product(range(4 if count == 8 else 1), (False, True)):

        def turn(array: Any, quarters: int = quarters, mirrored: bool = mirrored) -> Any:
            turned = np.rot90(array[:, ::-1] if mirrored else array, quarters)
            return np.ascontiguousarray(turned)

        def back(array: Any, quarters: int = quarters, mirrored: bool = mirrored) -> Any:
            turned = np.rot90(array, -quarters)
            return turned[:, ::-1] if mirrored else turned

        yield turn, back


def mean_of_runs(engine: dim_trt.Engine, img: U8, trimap: U8, count: int) -> NDArray[np.float64]:
    alphas = [back(engine.run(turn(img), turn(trimap))).astype(np.float64) for turn, back in turns(count)]
    assert len(alphas) == count
    mean: NDArray[np.float64] = np.mean(alphas, axis=0)
    return mean


def unknown(trimap: U8) -> NDArray[np.bool_]:
    return (trimap != 0) & (trimap != 255)


def check(plan: Path, count: int, img: U8, trimap: U8, **options: Any) -> F32:
    """Alpha; it is the mean of explicit runs, and exact where the trimap is known."""
    alpha = dim_trt.Engine(plan, threads=2, orientations=count, **options).run(img, trimap)
    assert_within(alpha, mean_of_runs(dim_trt.Engine(plan, threads=2, **options), img, trimap, count), SUMS)
    known = ~unknown(trimap)
    np.testing.assert_array_equal(alpha[known], trimap[known] // 255)
    return alpha


def speck(height: int, width: int) -> U8:
    """Few unknown pixels, off the middle, so that each orientation computes another region."""
    trimap = np.full((height, width), 255, np.uint8)
    trimap[:, : width // 2] = 0
    trimap[height // 5, width // 3 : width // 3 + 4] = 77
    return trimap


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize(("height", "width"), [(61, 97), (33, 57), (1, 1), (96, 64), (7, 301), (161, 35)])
@pytest.mark.parametrize("name", NETWORKS)
def test_alpha_is_the_mean_of_explicit_runs(
    plans: dict[str, Path], name: str, height: int, width: int, count: int
) -> None:
    img, trimap = random_picture(1, height, width)
    alpha = check(plans[name], count, img, trimap)
    if min(height, width) > 7:
        once = dim_trt.Engine(plans[name], threads=2).run(img, trimap)
        assert max_error(alpha, once) > 1e-3, "one orientation says the same: nothing was compared"


@pytest.mark.parametrize("count", [2, 8])
def test_the_region_of_each_orientation_is_exact(plans: dict[str, Path], count: int) -> None:
    """Around few unknown pixels each orientation computes another part; PyTorch computes all of each."""
    img, _ = random_picture(2, 259, 317)
    trimap = speck(259, 317)
    alpha = check(plans["skip"], count, img, trimap, color="rgb")
    model = network(ModelConfig(width=0.03, skip=True))
    whole = np.mean([back(alpha_of(model, turn(img), turn(trimap))) for turn, back in turns(count)], axis=0)
    assert_within(alpha, whole, 1e-4)
    assert 0 < unknown(trimap).sum() < 9
    assert alpha[unknown(trimap)].std() > 1e-3


def test_turning_the_picture_turns_alpha(plans: dict[str, Path]) -> None:
    """What no single run does: all eight together prefer no side."""
    engine, once = (dim_trt.Engine(plans["skip"], threads=2, orientations=count) for count in (8, 1))
    img, trimap = random_picture(3, 61, 97)
    alpha, differs = engine.run(img, trimap), False
    for turn, back in turns(8):
        assert_within(back(engine.run(turn(img), turn(trimap))), alpha, SUMS)
        differs |= max_error(back(once.run(turn(img), turn(trimap))), once.run(img, trimap)) > 1e-3
    assert differs


def test_tiles_of_each_orientation(plans: dict[str, Path]) -> None:
    probe = core_engine(plans["skip"], threads=2, strip_bytes=8 * MIB)
    limit_mb = probe.working_bytes((416, 480)) // MIB + 2
    img, trimap = random_picture(4, 451, 733)
    limited = core_engine(plans["skip"], threads=2, memory_bytes=limit_mb * MIB)
    assert len(limited.tiles(trimap)) > 1
    assert len(limited.tiles(np.ascontiguousarray(trimap.T))) > 1
    alpha = check(plans["skip"], 8, img, trimap, memory_limit_mb=limit_mb)
    assert_within(alpha, dim_trt.Engine(plans["skip"], threads=2, orientations=8).run(img, trimap), 1e-5)


def test_plans_whose_sizes_do_not_hold_the_turned_picture(plans: dict[str, Path], tmp_path: Path) -> None:
    wide = plan_for(plans["skip"], tmp_path / "wide.plan", min=[1, 90], max=[480, 640])
    img, trimap = random_picture(5, 61, 97)
    check(wide, 2, img, trimap)
    with pytest.raises(
        dim_trt.InvalidInput,
        match=r"img: expected at least 90x1 px for this plan, got 61x97 px when it is turned on its side",
    ):
        dim_trt.Engine(wide, orientations=8).run(img, trimap)
    low = plan_for(plans["skip"], tmp_path / "low.plan", max=[96, 640])
    with pytest.raises(
        dim_trt.InvalidInput, match=r"at most 640x96 px for this plan, got 61x97 px when it is turned .* too small for"
    ):
        dim_trt.Engine(low, orientations=8).run(img, trimap)
    tiled = plan_for(plans["skip"], tmp_path / "tiled.plan", max=[448, 900])  # turned, it is higher than that
    check(tiled, 8, *random_picture(6, 301, 475))


def test_every_way_to_call_and_every_memory_order(plans: dict[str, Path]) -> None:
    engine = dim_trt.Engine(plans["skip"], threads=2, max_concurrent=3, orientations=8)
    img, trimap = random_picture(7, 61, 97)
    alpha = engine.run(img, trimap)
    around = np.full((63, 198), np.nan, np.float32)
    engine.run(img[::-1].copy()[::-1], np.asfortranarray(trimap), out=around[1:62, 2:196:2])
    np.testing.assert_array_equal(around[1:62, 2:196:2], alpha)
    around[1:62, 2:196:2] = np.nan
    assert np.isnan(around).all(), "wrote beside out"
    down = np.zeros((61, 97), np.float32).T.copy().T  # columns lie together
    np.testing.assert_array_equal(engine.run(img, trimap, out=down), alpha)
    futures = [engine.submit(img, trimap) for _ in range(5)]
    assert all(np.array_equal(future.result(), alpha) for future in futures)
    assert all(np.array_equal(found, alpha) for _, found in dim_trt.stream(engine, [(img, trimap)] * 5))


def test_without_unknown_or_known_pixels(plans: dict[str, Path]) -> None:
    img, _ = random_picture(8, 35, 53)
    check(plans["skip"], 8, img, np.full((35, 53), 128, np.uint8))
    check(plans["skip"], 8, img, (np.indices((35, 53)).sum(0) % 2 * 255).astype(np.uint8))


def test_the_profile_is_of_all_orientations(plans: dict[str, Path]) -> None:
    picture = random_picture(9, 261, 353)
    engines = [dim_trt.Engine(plans["skip"], threads=1, orientations=count) for count in (1, 8)]
    once, all_ = ([engine.profile(*picture) for _ in range(3)][-1] for engine in engines)
    assert [name for name, _ in all_] == [name for name, _ in once]
    assert sum(ms for _, ms in all_) > 2 * sum(ms for _, ms in once)


def test_info_says_how_many(plans: dict[str, Path]) -> None:
    assert dim_trt.Engine(plans["skip"]).info["orientations"] == 1
    assert dim_trt.Engine(plans["skip"], orientations=8).info["orientations"] == 8
    with pytest.raises(dim_trt.InvalidInput, match="img: is run in several orientations, each with an argmax"):
        core_engine(plans["skip"], orientations=2).argmax(*random_picture(9, 35, 53))


@pytest.mark.parametrize("value", [0, 3, 4, -1, 16, 2.0, True, "8", None, 2**70])
def test_other_numbers_are_refused(plans: dict[str, Path], value: Any) -> None:
    with pytest.raises(dim_trt.InvalidInput, match=r"orientations: expected 1, 2 or 8, got "):
        dim_trt.Engine(plans["skip"], orientations=value)
    if type(value) is int and value < 2**31:
        with pytest.raises(dim_trt.InvalidInput, match=f"orientations: expected 1, 2 or 8, got {value}"):
            core_engine(plans["skip"], orientations=value)
