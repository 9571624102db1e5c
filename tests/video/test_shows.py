"""A moving scene with known alpha, in a real file with sound, from one mask to formats that hold alpha and back."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt.scoring.video_metrics import dtssd
from dim_trt.video.reading import VideoReader
from tests.support.clips import moving_scene, samples, shown, trimap_of, write_clip

Run = Callable[..., tuple[int, str]]
COUNT, HEIGHT, WIDTH = 30, 181, 319


def sad(alpha: np.ndarray, truth: np.ndarray) -> float:
    return float(np.abs(alpha - truth).sum())


@pytest.mark.parametrize("name", ["cutout.mov", "cutout.webm"])
def test_one_mask_carries_through_a_clip(name: str, run: Run, plan: Path, tmp_path: Path) -> None:
    pictures, truths = moving_scene(COUNT, HEIGHT, WIDTH)
    sound = "libopus" if name.endswith("webm") else "aac"
    clip = write_clip(
        tmp_path / "clip.mp4", pictures, codec="libx264", pixel_format="yuv444p", sound=sound, sound_rate=48000
    )
    cv2.imwrite(str(tmp_path / "first.png"), np.where(truths[0] >= 0.5, 255, 0).astype(np.uint8))
    code, said = run(clip, "--mask", tmp_path / "first.png", "--cutout", tmp_path / name)
    assert code == 0, said

    frames = shown(tmp_path / name)
    read = list(VideoReader(str(clip)).pictures())
    assert [frame.time for frame in frames] == [Fraction(i, 25) for i in range(COUNT)]
    np.testing.assert_array_equal(samples(tmp_path / name), samples(clip))

    alphas = [frame.bgra[..., 3] / np.float32(255) for frame in frames]
    with dim_trt.Engine(plan, threads=1) as engine:
        by_truth = [
            engine.run(picture.frame.image, trimap_of(np.rint(truth * 255).astype(np.uint8), 9))
            for picture, truth in zip(read, truths, strict=True)
        ]
    means = [np.mean([sad(a, t) for a, t in zip(each, truths, strict=True)]) for each in (alphas, by_truth)]
    flicker = [dtssd(each, truths, convention="rvm") for each in (alphas, by_truth)]
    print(f"{name}: SAD {means[0]:.0f}, with true trimaps {means[1]:.0f}; dtSSD {flicker[0]:.3f}, {flicker[1]:.3f}")
    assert means[0] <= 1.5 * means[1]
