"""What Python users do: names in place of paths, pickles, tensors, one call; and what they do by mistake."""

from __future__ import annotations

import concurrent.futures
import copy
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

import dim_trt
from dim_trt import Engine, InvalidInput, foreground

HEIGHT, WIDTH = 37, 53
IMG = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
TRIMAP = np.full((HEIGHT, WIDTH), 128, np.uint8)
TRIMAP[:, :10], TRIMAP[:, -10:] = 0, 255


@pytest.fixture(name="engine", scope="module")
def fixture_engine(plan: Path) -> Engine:
    return Engine(plan, device="cpu")


# names and one call


def test_the_shipped_model_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIM_TRT_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    engine = Engine("lite", device="cpu")
    assert Path(engine.info["path"]).parent == tmp_path
    expected = engine.run(IMG, TRIMAP)
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(engine)).run(IMG, TRIMAP), expected)
    shutil.copy(engine.info["path"], "lite")
    assert Engine("lite", device="cpu").info["path"] == "lite"  # a file of that name goes first


def test_alpha_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine("lite")
    expected = engine.run(IMG, TRIMAP)
    np.testing.assert_array_equal(dim_trt.estimate_alpha(IMG, TRIMAP), expected)
    np.testing.assert_array_equal(dim_trt.estimate_alpha(IMG[..., ::-1], TRIMAP, color="rgb"), expected)
    mask = TRIMAP == 255
    of_mask = engine.run(IMG, dim_trt.trimaps.from_mask(mask))
    monkeypatch.chdir(tmp_path)
    for name, picture in (("image", IMG), ("trimap", TRIMAP), ("mask", mask * np.uint8(255))):
        cv2.imwrite(f"{name}.png", picture)
    np.testing.assert_array_equal(dim_trt.estimate_alpha("image.png", Path("trimap.png")), expected)
    np.testing.assert_array_equal(dim_trt.estimate_alpha(IMG, mask=mask), of_mask)
    np.testing.assert_array_equal(dim_trt.estimate_alpha("image.png", mask="mask.png", color="rgb"), of_mask)
    for wrong in ({}, {"trimap": TRIMAP, "mask": mask}):
        with pytest.raises(InvalidInput, match="trimap, mask, auto: expected exactly one of them"):
            dim_trt.estimate_alpha(IMG, **wrong)
    with pytest.raises(InvalidInput, match=r"image: cannot read 'none.png'"):
        dim_trt.estimate_alpha("none.png", TRIMAP)


def test_modules_are_there_without_being_imported() -> None:
    code = (
        "import sys, dim_trt; assert 'cv2' not in sys.modules\n"
        "assert {'trimaps', 'foreground', 'masks', 'metrics', 'tracking'} <= set(dir(dim_trt))\n"
        "print(dim_trt.trimaps.from_mask.__name__, dim_trt.foreground.estimate.__name__, dim_trt.metrics.sad.__name__,"
        " dim_trt.tracking.KeyFrames.__name__)"
    )
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["from_mask", "estimate", "sad", "KeyFrames"]
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        dim_trt.nothing  # noqa: B018


# pickles


def test_engines_pickle_as_their_arguments(plan: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(plan.parent)
    engine = Engine(plan.name, "cpu", 2, "rgb", max_concurrent=3, memory_limit_mb=64, max_pixels=5000)
    stored = pickle.dumps(engine)
    monkeypatch.chdir(tmp_path)
    for other in (pickle.loads(stored), copy.copy(engine)):
        assert other is not engine
        assert other.info == {**engine.info, "path": str(plan)}
        assert other.max_concurrent == 3
        np.testing.assert_array_equal(other.run(IMG, TRIMAP), engine.run(IMG, TRIMAP))
    engine.close()
    with pytest.raises(InvalidInput, match="got one that was closed"):
        pickle.dumps(engine)


def test_engines_go_to_other_processes(engine: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        np.testing.assert_array_equal(pool.submit(engine.run, IMG, TRIMAP).result(), engine.run(IMG, TRIMAP))


# tensors


def test_tensors_on_the_cpu_are_taken_where_they_are(engine: Engine) -> None:
    expected = engine.run(IMG, TRIMAP)
    img, trimap, out = torch.from_numpy(IMG), torch.from_numpy(TRIMAP), torch.full((HEIGHT, WIDTH), torch.nan)
    np.testing.assert_array_equal(engine.run(img, trimap), expected)
    assert engine.run(img, trimap, out) is out
    np.testing.assert_array_equal(out.numpy(), expected)
    np.testing.assert_array_equal(engine.submit(img.flip(2).flip(2), TRIMAP).result(), expected)
    assert engine.submit(img, trimap, out).result() is out
    strided = torch.from_numpy(np.ascontiguousarray(IMG.transpose(2, 0, 1))).permute(1, 2, 0)
    np.testing.assert_array_equal(engine.run(strided, trimap), expected)
    assert engine.profile(img, trimap)
    for estimate in (foreground.estimate, engine.foreground):
        for ours, theirs in zip(estimate(img, out), estimate(IMG, expected), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(InvalidInput, match=r"img: Tensor cannot be shared with numpy: .*grad"):
        engine.run(torch.zeros(5, 7, 3, requires_grad=True), TRIMAP)


# arrays in any order of memory


def every_other_column(array: Any) -> Any:
    wide = np.zeros((array.shape[0], 2 * array.shape[1], *array.shape[2:]), array.dtype)
    wide[:, ::2] = array
    return wide[:, ::2]


@pytest.mark.parametrize("shortest", [1, 5, 50])
def test_arrays_in_any_order_of_memory_are_the_same(shortest: int, engine: Engine) -> None:
    rng = np.random.default_rng(shortest)
    marks = rng.choice(np.array([0, 1, 128, 254, 255], np.uint8), IMG[..., 0].size)
    trimap = np.repeat(marks, shortest + rng.integers(0, shortest, marks.size))[: marks.size].reshape(HEIGHT, WIDTH)
    known = (trimap == 0) | (trimap == 255)
    expected = engine.run(IMG, trimap)
    np.testing.assert_array_equal(expected[known], trimap[known] / 255)
    assert np.unique(expected[~known]).size > 50
    for rearranged in (np.asfortranarray, every_other_column, lambda array: array[::-1, ::-1].copy()[::-1, ::-1]):
        np.testing.assert_array_equal(engine.run(rearranged(IMG), rearranged(trimap)), expected)
        np.testing.assert_array_equal(
            engine.run(IMG, rearranged(trimap), rearranged(np.zeros_like(expected))), expected
        )


# mistakes


def mistakes() -> list[tuple[str, Any, str]]:
    image = pytest.importorskip("PIL.Image")
    return [
        ("a missing file", None, r"img: expected a numpy array, got None, which cv2\.imread returns .* check the path"),
        ("16 bits", IMG.astype(np.uint16) * 257, r"img: .* got uint16; \(img // 257\)\.astype\(numpy\.uint8\)"),
        ("PIL", image.fromarray(IMG), r"img: .* got a picture of PIL; numpy\.asarray.*, in the order of color=\"rgb\""),
        ("channels first", IMG.transpose(2, 0, 1), r"img: .* channels first; numpy\.moveaxis\(img, 0, 2\)"),
        ("a tensor, channels first", torch.from_numpy(IMG).permute(2, 0, 1), r"img: .* channels first"),
    ]


@pytest.mark.parametrize("case", range(5))
def test_mistakes_are_told_with_what_to_do(case: int, engine: Engine) -> None:
    _, wrong, message = mistakes()[case]
    alpha = TRIMAP / np.float32(255)
    for call in (
        lambda: engine.run(wrong, TRIMAP),
        lambda: engine.submit(wrong, TRIMAP),
        lambda: engine.profile(wrong, TRIMAP),
        lambda: foreground.estimate(wrong, alpha),
        lambda: engine.foreground(wrong, alpha),
    ):
        with pytest.raises(InvalidInput, match=message):
            call()


def test_the_advice_is_right(engine: Engine) -> None:
    image = pytest.importorskip("PIL.Image").fromarray(IMG)
    np.testing.assert_array_equal((IMG.astype(np.uint16) * 257 // 257).astype(np.uint8), IMG)
    of_pil = Engine(engine.info["path"], color="rgb").run(np.asarray(image.convert("RGB")), TRIMAP)
    np.testing.assert_array_equal(of_pil, engine.run(IMG[:, :, ::-1], TRIMAP))
    first = IMG.transpose(2, 0, 1)
    np.testing.assert_array_equal(engine.run(np.moveaxis(first, 0, 2), TRIMAP), engine.run(IMG, TRIMAP))
    with pytest.raises(InvalidInput, match=r"trimap: .* of PIL; numpy\.asarray\(trimap\.convert\('L'\)\)"):
        engine.run(IMG, pytest.importorskip("PIL.Image").fromarray(TRIMAP))
    with pytest.raises(InvalidInput, match=r"alpha: .* got uint8 .*; alpha / 255 makes it so"):
        foreground.estimate(IMG, TRIMAP)  # type: ignore[arg-type]


def test_that_nothing_is_known_is_a_warning_once_a_place(engine: Engine) -> None:
    unknown = np.full((HEIGHT, WIDTH), 128, np.uint8)
    with warnings.catch_warnings(record=True) as said:
        warnings.resetwarnings()
        for _ in range(3):
            engine.run(IMG, unknown)
    assert [str(warning.message)[:30] for warning in said] == ["trimap: no pixel is known (0 o"]
    assert said[0].filename == __file__
