"""`matte_dataset`: matting as a step of a pipeline of Ray Data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt.errors import InvalidInput, PlanError
from tests.cluster.conftest import save_pictures
from tests.support.mask_graphs import write_mask_network

ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'dim_trt[cluster]'")
from dim_trt.cluster import matte_dataset  # noqa: E402

pytestmark = [
    pytest.mark.cluster,  # one file of those that are not starts a cluster: tests/cluster/test_matte.py
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("ray_cluster"),
]


def picture(height: int, width: int) -> Any:
    rng = np.random.default_rng(height)
    trimap = rng.choice(np.array([0, 128, 255], np.uint8), (height, width))
    return rng.integers(0, 256, (height, width, 3), np.uint8), trimap


def rows(ds: Any) -> dict[int, Any]:
    ds.context.enable_progress_bars = False
    return {row["id"]: row for row in ds.take_all()}


@pytest.mark.parametrize("color", ["rgb", "bgr"])
def test_alpha_is_that_of_the_engine_and_errors_are_columns(color: str, plan: Path) -> None:
    pairs = [picture(31 + index, 45) for index in range(3)]
    given = [{"id": index, "picture": img, "known": trimap} for index, (img, trimap) in enumerate(pairs)]
    given.append({"id": 3, "picture": pairs[0][0], "known": pairs[1][1]})  # of another size
    ds = ray.data.from_items(given)
    found = rows(matte_dataset(ds, plan=plan, image="picture", trimap="known", color=color, batch_size=2))
    engine = dim_trt.Engine(plan, device="cpu", color=color)
    for index, (img, trimap) in enumerate(pairs):
        np.testing.assert_array_equal(found[index]["alpha"], engine.run(img, trimap))
        assert found[index]["error"] is None
        np.testing.assert_array_equal(found[index]["picture"], img)
    assert found[3]["alpha"].shape == (0, 0)
    assert "expected the image's size" in found[3]["error"]


def test_files_as_they_are_read_from_a_store(plan: Path, tmp_path: Path) -> None:
    save_pictures(tmp_path, 3)
    given = [
        {"id": index, "image": (tmp_path / f"in/{index:05d}.png").read_bytes(),
         "trimap": (tmp_path / f"tri/{index:05d}.png").read_bytes()}
        for index in range(3)
    ]  # fmt: skip
    given[2]["image"] = given[2]["image"][:300]
    found = rows(matte_dataset(ray.data.from_items(given), plan=plan))
    engine = dim_trt.Engine(plan, device="cpu")
    for index in range(2):
        img, trimap = (cv2.imread(str(tmp_path / f"{name}/{index:05d}.png"), -1) for name in ("in", "tri"))
        np.testing.assert_array_equal(found[index]["alpha"], engine.run(img, trimap))
    assert "the file is damaged" in found[2]["error"]


def test_no_trimap(plan: Path, tmp_path: Path) -> None:
    network = write_mask_network(tmp_path / "u2net.onnx")  # a name by which its normalization is known
    img, _ = picture(31, 45)
    ds = ray.data.from_items([{"id": 0, "image": img}])
    (row,) = rows(matte_dataset(ds, plan=plan, trimap=None, auto=str(network))).values()
    assert row["error"] is None
    assert row["alpha"].shape == (31, 45)


def test_arguments(plan: Path) -> None:
    ds = ray.data.from_items([{"id": 0}])
    with pytest.raises(InvalidInput, match="trimap, auto: expected one of them"):
        matte_dataset(ds, plan=plan, trimap=None)
    with pytest.raises(InvalidInput, match="color: expected 'bgr' or 'rgb'"):
        matte_dataset(ds, plan=plan, color="gray")
    with pytest.raises(PlanError):
        matte_dataset(ds, plan="none.plan")
