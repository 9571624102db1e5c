"""Arguments of any kind: InvalidInput that names one of them, or a result that is right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import dim_trt
from dim_trt import foreground

DTYPES = st.sampled_from([np.uint8, np.uint8, np.uint8, np.int8, np.uint16, np.float32, np.float64, np.bool_, ">u2"])
FEW = st.lists(st.integers(), max_size=3)
THINGS = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3), FEW)
SIDE = st.integers(0, 40)


@st.composite
def array(draw: Any, channels: st.SearchStrategy[int] | None, dtypes: Any = DTYPES) -> Any:
    """Noise of any type in any memory order: cut out, turned around, transposed, repeated, read-only."""
    shape = [draw(SIDE), draw(SIDE)] + ([] if channels is None else [draw(channels)])
    shape = draw(st.sampled_from([shape, shape, shape, shape, shape[:-1], [*shape, 1]]))
    values = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 256, [2 * n + 1 for n in shape])
    values = values.astype(draw(dtypes))
    if draw(st.booleans()):
        values = np.asfortranarray(values)
    steps = [draw(st.sampled_from([1, 2, -1, -2])) for _ in shape]
    view = values[tuple(slice(None, None, step) for step in steps)]
    view = view[tuple(slice(0, n) for n in shape)]
    if view.ndim and draw(st.integers(0, 9)) == 0:
        view = np.broadcast_to(view[:1], view.shape) if view.shape[0] else view
    if draw(st.integers(0, 4)) == 0:
        view = view.view()
        view.flags.writeable = False
    return view


IMAGES = st.one_of(array(st.sampled_from([3, 3, 3, 3, 0, 1, 2, 4])), THINGS)
TRIMAPS = st.one_of(array(None), THINGS)
ALPHAS = st.one_of(st.none(), array(None, st.sampled_from([np.float32, np.float32, np.float64, np.uint8])), THINGS)


@pytest.fixture(scope="module")
def engine(plan: Path) -> dim_trt.Engine:
    return dim_trt.Engine(plan, threads=2)


@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
@given(img=IMAGES, trimap=TRIMAPS, out=ALPHAS, fit=st.booleans())
@example(img=np.zeros((5, 7, 3), np.uint8), trimap=np.full((5, 7), 9, np.uint8), out=None, fit=False)
def test_run_takes_or_refuses(engine: dim_trt.Engine, img: Any, trimap: Any, out: Any, fit: bool) -> None:
    if fit and isinstance(img, np.ndarray) and isinstance(trimap, np.ndarray):  # of the same size, more often
        img, trimap = (a[: min(len(img), len(trimap))] if a.ndim else a for a in (img, trimap))
        if img.ndim > 1 < trimap.ndim:
            width = min(img.shape[1], trimap.shape[1])
            img, trimap = img[:, :width], trimap[:, :width]
        if isinstance(out, np.ndarray) and out.ndim == 2:
            out = np.lib.stride_tricks.as_strided(np.zeros(999999, np.float32), img.shape[:2], (4004, 8))
    before = np.array(img, copy=True) if isinstance(img, np.ndarray) else img
    try:
        alpha = engine.run(img, trimap, out=out)
    except dim_trt.InvalidInput as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert said.split(":")[0] in ("img", "trimap", "out")
        return
    submitted = engine.submit(np.array(img), np.array(trimap)).result()
    assert alpha.shape == trimap.shape == img.shape[:2]
    assert out is None or alpha is out
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert not alpha[trimap == 0].any()
    assert (alpha[trimap == 255] == 1).all()
    np.testing.assert_array_equal(img, before)
    np.testing.assert_array_equal(alpha, submitted)


ANY_WINDOW = st.one_of(
    st.lists(st.integers(-2, 60), min_size=3, max_size=5).map(tuple), st.just((0, 0, 1 << 40, 1)), THINGS
)


@pytest.mark.filterwarnings("ignore:trimap. no pixel is known")
@given(window=ANY_WINDOW)
@example(window=(3, 4, 38, 49))
@example(window=(3, 4, 39, 49))
def test_windows_are_taken_or_refused(engine: dim_trt.Engine, window: Any) -> None:
    img, trimap = np.full((41, 53, 3), 99, np.uint8), np.full((41, 53), 128, np.uint8)
    trimap[:9] = 255
    try:
        part, said = engine.run(img, trimap, window=window), ""
    except dim_trt.InvalidInput as error:
        said = str(error)
    if said:
        assert said.startswith("window: expected")
        is_inside = isinstance(window, tuple) and len(window) == 4 and min(window[2:]) > 0 and min(window) >= 0
        assert not (is_inside and window[0] + window[2] <= 41 and window[1] + window[3] <= 53)
        return
    whole = engine.run(img, trimap)
    if window is not None:
        top, left, height, width = window
        whole = whole[top : top + height, left : left + width]
    np.testing.assert_allclose(part, whole, rtol=0, atol=1e-5)


@given(
    img=st.one_of(array(st.sampled_from([3, 3, 3, 1, 4]), st.sampled_from([np.uint8, np.uint8, np.float32])), THINGS),
    alpha=st.one_of(arrays.arrays(np.float32, (7, 9), elements=st.floats(0, 1, width=32)), ALPHAS),
    threads=st.one_of(st.none(), st.integers(-1, 3), THINGS),
)
def test_foreground_takes_or_refuses(img: Any, alpha: Any, threads: Any) -> None:
    try:
        colors = foreground.estimate(img, alpha, threads=threads)
    except dim_trt.InvalidInput:
        return
    assert [layer.shape for layer in colors] == [img.shape] * 2


PATHS = st.one_of(
    st.text(max_size=8), st.binary(max_size=8), THINGS, st.sampled_from(["/", "", ".", "\0", "\udcff", "é"])
)


@given(path=PATHS)
def test_load_refuses_paths(path: Any) -> None:
    with pytest.raises(dim_trt.Error):
        dim_trt.Engine(path)


@given(
    device=st.one_of(
        st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:-1", "cuda:99999999999", "CPU", ""]), THINGS
    ),
    threads=st.one_of(st.none(), st.integers(-2, 2000), st.just(1 << 70), THINGS),
    color=st.one_of(st.sampled_from(["bgr", "rgb", "RGB", "\0", "\udcff"]), THINGS),
    max_concurrent=st.one_of(st.none(), st.integers(-2, 2000), st.just(1 << 40), THINGS),
    orientations=st.one_of(st.sampled_from([1, 2, 8, 1 << 40]), st.integers(-2, 9), THINGS),
)
def test_load_takes_or_refuses(
    plan: Path, device: Any, threads: Any, color: Any, max_concurrent: Any, orientations: Any
) -> None:
    try:
        engine = dim_trt.Engine(plan, device, threads, color, max_concurrent=max_concurrent, orientations=orientations)
    except dim_trt.Error:
        return
    assert engine.info["orientations"] in (1, 2, 8)
    assert engine.info["color"] == color
    assert engine.info["threads"] >= 1
