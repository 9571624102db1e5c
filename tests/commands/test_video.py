"""The command on a clip, from the installed package alone; all else about videos is in tests/video."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

av = pytest.importorskip("av")
pytestmark = [pytest.mark.public, pytest.mark.smoke]
HEIGHT, WIDTH, FRAMES = 45, 61, 5


def write_clip(path: Path) -> NDArray[np.uint8]:
    """A disc that stands before stripes; its mask."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    mask = np.where(np.hypot(y - HEIGHT / 2, x - WIDTH / 2) < HEIGHT / 3, 255, 0).astype(np.uint8)
    stripes = np.dstack([90 + 60 * np.sin((x + 2 * y) / 5)] * 3)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "bgr0"
        for _ in range(FRAMES):
            picture = np.where(mask[..., None] > 0, (40, 160, 220), stripes).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    return mask


def test_a_clip_becomes_a_cutout_and_its_alpha(tmp_path: Path) -> None:
    mask = write_clip(tmp_path / "clip.mkv")
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    results = ("--cutout", "cutout.mov", "--alpha", "alpha.mkv")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "dim_trt.video", "clip.mkv", "--mask", "mask.png", *results],
        cwd=tmp_path,
        env=os.environ | {"DIM_TRT_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert f"{WIDTH}x{HEIGHT} px  {FRAMES} frames" in run.stdout
    with av.open(str(tmp_path / "cutout.mov")) as container:
        assert "a" in container.streams.video[0].pix_fmt
        assert len(list(container.decode(video=0))) == FRAMES
    with av.open(str(tmp_path / "alpha.mkv")) as container:
        alphas = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(alphas) == FRAMES
    for alpha in alphas:
        assert np.abs(alpha.astype(int) - mask).mean() < 16
        assert alpha[HEIGHT // 2, WIDTH // 2] == 255
        assert alpha[0, 0] == 0
