"""The network that comes with the package and needs no trimap, by its name."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import dim_trt
from dim_trt import masks, matte, trimap
from tests.support import ROOT

pytestmark = pytest.mark.public
PICTURE = ROOT / "samples/astronaut.png"


@pytest.fixture(name="img", scope="module")
def fixture_img() -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(PICTURE)), np.uint8)


def test_it_is_known_by_its_name(img: NDArray[np.uint8], caplog: pytest.LogCaptureFixture) -> None:
    network = dim_trt.Salient("salient")
    assert (network.info["task"], network.info["device"]) == ("segmentation", "cpu")
    mask = network.run(img)
    assert mask.shape == img.shape[:2]
    assert (mask >= 0.5).any()
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(network)).run(img), mask)
    np.testing.assert_array_equal(masks.open_source("salient")(img), mask)
    assert "often fails on photographs; for those give another" in caplog.text
    with pytest.raises(dim_trt.PlanError, match="segmentation"):
        dim_trt.Engine("salient", "cpu")


def test_it_is_what_auto_takes(img: NDArray[np.uint8], tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("default.png", "named.png", "trimap.png")]
    for file, source in zip(files, ([], ["salient"]), strict=False):
        assert matte.main(["--image", str(PICTURE), "--device", "cpu", "-o", str(file), "--auto", *source]) == 0
    alpha, named = (cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files[:2])
    np.testing.assert_array_equal(alpha, named)
    np.testing.assert_array_equal(
        alpha, np.rint(dim_trt.estimate_alpha(img, auto="salient", device="cpu") * 255).astype(np.uint8)
    )
    assert trimap.main(["auto", str(PICTURE), "-o", str(files[2])]) == 0
    expected = masks.Automatic(masks.open_source("salient")).trimap(img)
    np.testing.assert_array_equal(cv2.imread(str(files[2]), cv2.IMREAD_UNCHANGED), expected)


def test_it_finds_drawn_objects() -> None:
    """Of pictures that training never draws; a mask of nothing has an intersection of 0 with most of them."""
    pytest.importorskip("torch", reason="drawing needs PyTorch")
    from training.mask_validation import open_mask_validation, score_mask

    source = masks.open_source("salient")
    scenes = [scene.load() for scene in open_mask_validation(["scenes"]).sets["scenes"][:12]]
    found = [score_mask(source(np.ascontiguousarray(scene.image[:, :, ::-1])), scene.mask).iou for scene in scenes]
    assert np.mean(found) > 0.5
