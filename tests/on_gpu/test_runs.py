"""One plan, run in many ways: nothing but the picture may change alpha."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import Engine, TensorRtRun
from tests.support.compare import assert_within
from tests.support.gpu import NEAR_MAX, Plans, clear_picture
from tests.support.networks import random_picture

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]
F32 = NDArray[np.float32]
NAME = "skip"
ROUNDING = 2e-5  # windows of other sizes may be summed in another order


def plain(plans: Plans, **options: Any) -> Engine:
    """An engine without what the tests are about."""
    return Engine(
        plans.plan(NAME), color="rgb", max_concurrent=1, tensorrt=TensorRtRun(**{"cuda_graphs": False, **options})
    )


def trimaps(height: int, width: int) -> dict[str, NDArray[np.uint8]]:
    """Background and foreground with few unknown pixels, in places that differ."""
    base = np.zeros((height, width), np.uint8)
    base[:, width // 2 :] = 255
    found = {}
    places = {"corner": (0, 0), "far corner": (height - 1, width - 1), "middle": (height // 2, width // 3)}
    for name, (y, x) in places.items():
        found[name] = base.copy()
        found[name][y, x] = 128
    found["two corners"] = np.where(found["corner"] == 128, found["corner"], found["far corner"])
    found["column"] = base.copy()
    found["column"][:, width // 2 - 3 : width // 2 + 3] = 99
    return found


@pytest.mark.parametrize("name", trimaps(9, 9))
def test_running_the_region_only_changes_nothing(plans: Plans, name: str) -> None:
    trimap = trimaps(*NEAR_MAX)[name]
    img, _ = clear_picture(NAME, *NEAR_MAX)
    region, whole = (plain(plans, region=region).run(img, trimap) for region in (True, False))
    assert_within(region, whole, ROUNDING)
    known = (trimap == 0) | (trimap == 255)
    np.testing.assert_array_equal(region[known], trimap[known].astype(np.float32) / 255)


def test_the_engine_says_what_computes(plans: Plans) -> None:
    engine = plain(plans)
    assert engine.info["gpu_name"] == dim_trt.capabilities()["cuda"]["devices"][0]["name"]
    assert engine.info["isa"] is None
    assert f"gpu_name={engine.info['gpu_name']!r}" in repr(engine)


def test_region_smaller_than_the_smallest_size_of_the_plan(plans: Plans) -> None:
    """The window grows to what the engine takes."""
    plan = plans.plan(NAME, min_size=(300, 340), opt_size=(320, 352))
    trimap = trimaps(301, 350)["corner"]
    img, _ = random_picture(0, 301, 350)
    alpha = Engine(plan, color="rgb").run(img, trimap)
    assert_within(alpha, plain(plans, crop=False).run(img, trimap), 1e-4)


def test_cuda_graphs_change_nothing(plans: Plans) -> None:
    engine = Engine(plans.plan(NAME), color="rgb", max_concurrent=1)
    for seed in range(3):
        img, trimap = random_picture(seed, 131, 203)
        expected = plain(plans).run(img, trimap)
        for _ in range(4):  # without a graph, captured, replayed, replayed
            np.testing.assert_array_equal(engine.run(img, trimap), expected)


def test_alternating_sizes(plans: Plans) -> None:
    """More sizes than graphs are kept, over and over; the largest comes late, so that memory has to move."""
    sizes = [(32 * rows - 3, 32 * columns - 7) for rows in range(2, 7) for columns in (2, 5, 3, 7)]
    pictures = [random_picture(seed, *size) for seed, size in enumerate(sizes)]
    reference = plain(plans)
    expected = [reference.run(*picture) for picture in pictures]
    engine = Engine(plans.plan(NAME), color="rgb", max_concurrent=1)
    numbers = range(len(sizes))
    thrice = [number for number in numbers for _ in range(3)]  # without a graph, captured, replayed
    order = [0, 0, 0, 1, 1, 1, 0, 1, 0, 1, *thrice, *numbers, *reversed(numbers), *thrice, 19, 0, 19, 0]
    for number in order:
        np.testing.assert_array_equal(engine.run(*pictures[number]), expected[number])


def in_threads(work: Callable[[int], None], count: int) -> None:
    failures: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:  # reported by the thread that waits
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("max_concurrent", [1, 2, 3])
def test_several_threads_at_once(plans: Plans, max_concurrent: int) -> None:
    pictures = [random_picture(seed, 61 + 32 * (seed % 3), 97) for seed in range(8)]
    reference = plain(plans)
    expected = [reference.run(*picture) for picture in pictures]
    engine = Engine(plans.plan(NAME), color="rgb", max_concurrent=max_concurrent)

    def work(number: int) -> None:
        for turn in range(12):
            choice = (number + turn) % len(pictures)
            np.testing.assert_array_equal(engine.run(*pictures[choice]), expected[choice])

    in_threads(work, 8)


def test_two_engines_in_threads(plans: Plans) -> None:
    engines = [Engine(plans.plan(NAME, "fp32", unpool), color="rgb") for unpool in ("plugin", "native")]
    img, trimap = clear_picture(NAME, 61, 97)
    expected = plans.expected(NAME, img, trimap)

    def work(number: int) -> None:
        for _ in range(10):
            assert_within(engines[number % 2].run(img, trimap), expected, 1e-4)

    in_threads(work, 4)


def test_submit_and_stream_give_what_run_gives(plans: Plans) -> None:
    pictures = [random_picture(seed, 61, 97) for seed in range(9)]
    with Engine(plans.plan(NAME), color="rgb") as engine:
        expected = [engine.run(*picture) for picture in pictures]
        futures = [engine.submit(*picture) for picture in pictures]
        streamed = [result[-1] for result in dim_trt.stream(engine, pictures)]
        for future, alpha, wanted in zip(futures, streamed, expected, strict=True):
            np.testing.assert_array_equal(future.result(), wanted)
            np.testing.assert_array_equal(alpha, wanted)


def test_any_memory_order_and_out(plans: Plans) -> None:
    engine = Engine(plans.plan(NAME), color="rgb")
    img, trimap = random_picture(5, 41, 67)
    expected = engine.run(img, trimap)
    planar = np.ascontiguousarray(img.transpose(2, 0, 1)).transpose(1, 2, 0)
    out: F32 = np.full((41, 2 * 67), np.nan, np.float32)[:, ::2]
    assert engine.run(planar, np.asfortranarray(trimap), out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(engine.run(img[::-1][::-1], trimap), expected)
    bgr = Engine(plans.plan(NAME)).run(np.ascontiguousarray(img[:, :, ::-1]), trimap)
    np.testing.assert_array_equal(bgr, expected)


def test_profile_names_the_steps(plans: Plans) -> None:
    steps = plain(plans).profile(*random_picture(0, 61, 97))
    assert [name for name, _ in steps] == ["copy to GPU", "preprocess", "network", "postprocess", "copy to host"]
    assert all(ms >= 0 for _, ms in steps)
