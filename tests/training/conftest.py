import cv2
import numpy as np
import pytest
import torch

from tests.support.foregrounds import fill, write


@pytest.fixture(autouse=True)
def one_thread():
    """Networks here are tiny: more threads only wait for each other, for minutes where the machine has other work."""
    torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path):
    """One picture in the layout of alphamatting.com."""
    rng = np.random.default_rng(0)
    root = tmp_path / "pictures"
    for name in ("input", "trimap1", "gt"):
        (root / name).mkdir(parents=True)
    cv2.imwrite(str(root / "input/a.png"), rng.integers(0, 256, (45, 51, 3), np.uint8))
    cv2.imwrite(str(root / "trimap1/a.png"), np.repeat(np.uint8([0, 99, 255]), 17)[None].repeat(45, 0))
    cv2.imwrite(str(root / "gt/a.png"), np.repeat(np.uint8([0, 51, 255]), 17)[None].repeat(45, 0))
    return root


@pytest.fixture
def plain(tmp_path):
    root = tmp_path / "plain"
    fill(root / "fg", root / "alpha", ["one", "two"], ".jpg")
    for name, gray in (("dark", 10), ("light", 250)):
        write(root / f"bg/{name}.png", np.full((50, 70, 3), gray, np.uint8))
    return root
