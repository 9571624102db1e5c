"""dim_trt.stream: order, bounds, errors in their place."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dim_trt
from tests.support.pictures import random_picture
from tests.support.stand_ins import (
    SECONDS,
    eventually,
    in_thread,
    numbered,
)

pytestmark = pytest.mark.public
IMG, TRIMAP = random_picture(0, 33, 45)


def test_stream_is_run_in_order(plan: Path) -> None:
    engine = dim_trt.Engine(plan, threads=1, max_concurrent=2)
    pictures = [random_picture(seed, 30 + seed % 4, 61) for seed in range(12)]
    for lookahead in (None, 1, 3, 100):
        results = list(dim_trt.stream(engine, iter(pictures), lookahead))
        assert len(results) == len(pictures)
        for (img, alpha), picture in zip(results, pictures, strict=True):
            assert img is picture[0]
            np.testing.assert_array_equal(alpha, engine.run(*picture))
    assert list(dim_trt.stream(engine, [])) == []


def test_stream_looks_ahead_so_far_and_no_further(slow: Any) -> None:
    engine, core = slow(2)
    core.go.set()
    for lookahead in (1, 2, 5):
        pulled = 0

        def frames() -> Iterator[tuple[Any, Any]]:
            nonlocal pulled
            for number in itertools.count():
                pulled += 1
                yield numbered(number % 256)

        results = dim_trt.stream(engine, frames(), lookahead)
        for yielded in range(1, 40):
            assert int(next(results)[0][0, 0, 0]) == yielded - 1
            assert yielded < pulled <= yielded + lookahead, "one more must run while the caller works"
        results.close()  # type: ignore[attr-defined]
        before = pulled
        assert list(results) == []
        assert pulled == before


def test_stream_runs_several_at_a_time(slow: Any) -> None:
    engine, core = slow(3)
    results = dim_trt.stream(engine, (numbered(number) for number in range(9)))
    thread, errors = in_thread(lambda: next(results))
    eventually(lambda: core.running == 3)
    core.go.set()
    thread.join(SECONDS)
    assert not errors
    assert len(list(results)) == 8
    assert core.most == 3


@pytest.mark.parametrize("lookahead", [1, 2, 7])
@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (None, OSError, "the camera is gone"),
        ((IMG.astype(np.int16), TRIMAP), dim_trt.InvalidInput, "img: expected dtype uint8"),
        ((IMG, TRIMAP[:-1]), dim_trt.InvalidInput, "trimap: expected the image's size"),
        (IMG, dim_trt.InvalidInput, r"frames: expected pairs \(img, trimap\), got ndarray"),
    ],
    ids=["source", "dtype", "size", "not a pair"],
)
def test_stream_raises_an_error_in_its_place(
    plan: Path, bad: Any, error: type[Exception], message: str, lookahead: int
) -> None:
    def frames() -> Iterator[Any]:
        yield from [(IMG, TRIMAP)] * 3
        if bad is None:
            raise OSError("the camera is gone")
        yield bad
        yield from [(IMG, TRIMAP)] * 2

    results = dim_trt.stream(dim_trt.Engine(plan, threads=1), frames(), lookahead)
    for _ in range(3):
        assert next(results)[1].shape == TRIMAP.shape
    with pytest.raises(error, match=message):
        next(results)
    assert list(results) == []


def test_stream_closed_early_waits_for_what_runs(slow: Any) -> None:
    engine, core = slow(1)
    slowly = core.run
    core.run = lambda img, *others: slowly(img, *others) if img.any() else img  # the first frame is done at once
    results = dim_trt.stream(engine, (numbered(number) for number in range(100)), 2)
    next(results)
    eventually(lambda: core.running == 1)
    closing, errors = in_thread(results.close)  # type: ignore[attr-defined]
    closing.join(0.05)
    assert closing.is_alive()
    core.go.set()
    closing.join(SECONDS)
    assert not errors
    assert core.running == 0
    assert core.started == [1]


def test_stream_of_a_closed_engine(plan: Path) -> None:
    engine = dim_trt.Engine(plan)
    results = dim_trt.stream(engine, itertools.repeat((IMG, TRIMAP)))
    next(results)
    engine.close()
    with pytest.raises(dim_trt.InvalidInput, match="was closed"):
        list(results)
