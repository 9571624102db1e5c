"""Pictures as clips: folders, patterns, animations."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.errors import InvalidInput
from dim_trt.video.sequences import PictureReader, is_sequence
from tests.support.clips import drawn, shown

Run = Callable[..., tuple[int, str]]
PICTURES, ALPHAS = drawn(12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """9.png comes before 10.png."""
    path = tmp_path / "seq"
    path.mkdir()
    for index, picture in enumerate(PICTURES):
        cv2.imwrite(str(path / f"shot_{index + 1}.png"), picture)
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.mark.parametrize("pattern", ["", "shot_%d.png", "*.png"])
def test_names_decide_the_order(pattern: str, folder: Path, run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    source = folder / pattern if pattern else folder
    code, said = run(
        source, "--rate", "10", "--mask", tmp_path / "mask.png", "--fixed", "--cutout", tmp_path / "cutout.mkv",
        "--colors", "image",
    )  # fmt: skip
    assert code == 0, said
    frames = shown(tmp_path / "cutout.mkv")
    assert [frame.time for frame in frames] == [Fraction(index, 10) for index in range(12)]
    for frame, picture in zip(frames, PICTURES, strict=True):
        opaque = frame.bgra[..., 3] == 255
        assert opaque.any()
        np.testing.assert_array_equal(frame.bgra[opaque][:, :3], picture[opaque])


def test_gaps_and_leading_zeros(folder: Path) -> None:
    for index in range(1, 13):
        (folder / f"shot_{index}.png").rename(folder / f"{index * 7:04}.png")
    reader = PictureReader(str(folder / "%04d.png"))
    assert reader.clip.rate == 25
    for picture, expected in zip(reader.pictures(), PICTURES, strict=True):
        np.testing.assert_array_equal(picture.frame.image, expected)


def test_a_run_goes_on(folder: Path, run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    asked = (folder, "--mask", tmp_path / "mask.png", "--segment-frames", 5, "--alpha", tmp_path / "alpha.mkv")
    hidden = (folder / "shot_12.png").rename(tmp_path / "away")
    (folder / "shot_12.png").write_text("damaged")
    code, said = run(*asked)
    assert code == 1
    assert "frame 11" in said
    assert "--unreadable skip or repeat" in said
    code, said = run(*asked, "--unreadable", "repeat")
    assert code == 0, said
    assert "12 frames, 10 of them from before" in said
    assert "expected 12 frames, could read 11" in said
    hidden.replace(folder / "shot_12.png")
    assert run(*asked)[0] == 0
    assert len(shown(tmp_path / "alpha.mkv")) == 12


def animated(path: Path) -> Path:
    animation = cv2.Animation()
    animation.frames = PICTURES
    animation.durations = np.array([40] * 6 + [80] * 6, np.int32)
    assert cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return path


@pytest.mark.skipif(not hasattr(cv2, "imwriteanimation"), reason="this OpenCV knows no animations")
def test_animated_webp_has_its_own_times(tmp_path: Path, run: Run) -> None:
    path = animated(tmp_path / "clip.webp")
    assert is_sequence(str(path))
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    code, said = run(path, "--mask", tmp_path / "mask.png", "--alpha", tmp_path / "alpha.mkv")
    assert code == 0, said
    times = [40 * i for i in range(6)] + [240 + 80 * i for i in range(6)]
    assert [frame.time for frame in shown(tmp_path / "alpha.mkv")] == [Fraction(time, 1000) for time in times]
    for picture, expected in zip(PictureReader(str(path)).pictures(), PICTURES, strict=True):
        assert np.abs(picture.frame.image.astype(int) - expected).mean() < 3


def test_what_is_no_sequence(folder: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"video: '.*empty': expected pictures \(\.png"):
        PictureReader(str(tmp_path / "empty"))
    with pytest.raises(InvalidInput, match="expected pictures with numbers in their names, found none"):
        PictureReader(str(folder / "other_%03d.png"))
    cv2.imwrite(str(folder / "shot_4.png"), PICTURES[0][:40])
    with pytest.raises(InvalidInput, match=r"frame 3 of .* expected 61x45 px as the first, got 61x40"):
        list(PictureReader(str(folder)).pictures())
    cv2.imwrite(str(tmp_path / "clip.png"), PICTURES[0])
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    asked = ("--mask", tmp_path / "mask.png", "--alpha", tmp_path / "alpha.mkv")
    code, said = run(tmp_path / "clip.png", "--rate", "5", *asked)
    assert code == 2
    assert "a video has its own" in said


@pytest.mark.parametrize(("level", "color"), [(0, "black"), (255, "white")])
@pytest.mark.parametrize("argument", ["mask", "trimap"])
@pytest.mark.parametrize("way", ["carried", "--fixed", "--key-frames"])
def test_masks_without_an_object_or_without_background_are_told(
    way: str, argument: str, level: int, color: str, folder: Path, run: Run, tmp_path: Path
) -> None:
    known = tmp_path / "known" / "0000.png"
    known.parent.mkdir()
    cv2.imwrite(str(known), np.full((45, 61), level, np.uint8))
    given = [known] if way == "carried" else [known, way] if way == "--fixed" else [known.parent, way]
    code, said = run(folder / "shot_[12].png", f"--{argument}", *given, "--alpha", tmp_path / "a.mkv")
    assert code == 0, said
    assert said.count(f"the {argument} is {color} everywhere") == 1
