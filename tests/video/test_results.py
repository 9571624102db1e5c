"""What `python -m dim_trt.video` writes: alpha, times, colors, sound, in each format."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt import foreground
from dim_trt.video.colors import KNOWS_BT2020
from tests.support.clips import drawn, samples, shown, trimap_of, write_clip

Run = Callable[..., tuple[int, str]]
WIDE = pytest.param((9, 1), marks=pytest.mark.skipif(not KNOWS_BT2020, reason="this PyAV knows no BT.2020"))
MILLISECOND = Fraction(1, 1000)


@pytest.fixture
def expected(plan: Path) -> list[np.ndarray]:
    """Alpha of each frame of `clip`."""
    pictures, alphas = drawn(23)
    with dim_trt.Engine(plan, threads=1) as engine:
        return [engine.run(img, trimap_of(alpha)) for img, alpha in zip(pictures, alphas, strict=True)]


# Of 255: what the codec may change of alpha (mean, most), and of the colors of opaque pixels (mean).
LOSS = {"cutout.mov": (0.6, 6, 1.5), "cutout.webm": (1.5, 40, 6), "cutout.mkv": (0, 0, 0), "cutout": (0, 0, 0)}


@pytest.mark.parametrize("name", LOSS)
def test_cutouts_keep_alpha_times_and_sound(
    name: str, run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path, expected: list[np.ndarray]
) -> None:
    result = tmp_path / name
    code, said = run(clip, "--trimap", trimaps(23), "--cutout", result)
    assert code == 0, said
    assert not (tmp_path / f"{name}.parts").exists()
    if name == "cutout":
        times = [Fraction(line) / 1000 for line in (result / "timestamps.txt").read_text().splitlines()[1:]]
        written = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in sorted(result.glob("*.png"))]
    else:
        frames = shown(result)
        times, written = [frame.time for frame in frames], [frame.bgra for frame in frames]
        sound, before = samples(result), samples(clip)
        assert sound is not None
        assert before is not None
        if name == "cutout.webm":  # Opus has a rate of its own
            assert abs(sound.shape[1] - before.shape[1] * 48000 / 44100) <= 1
        else:
            np.testing.assert_array_equal(sound, before)
    assert len(written) == 23
    assert all(abs(time - Fraction(i, 25)) < MILLISECOND for i, time in enumerate(times))
    mean, most, color = LOSS[name]
    for bgra, alpha, picture in zip(written, expected, drawn(23)[0], strict=True):
        difference = np.abs(bgra[..., 3] - np.rint(alpha * 255))
        assert difference.mean() <= mean
        assert difference.max() <= most
        colors = foreground.estimate(picture, alpha)[0]
        opaque = alpha > 0.9
        assert np.abs(bgra[opaque][:, :3].astype(int) - colors[opaque]).mean() <= color


def test_several_results_of_one_run(
    run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path, expected: list[np.ndarray]
) -> None:
    alpha, composite, premultiplied = tmp_path / "alpha.mkv", tmp_path / "over.mp4", tmp_path / "pre"
    code, said = run(
        clip, "--trimap", trimaps(23), "--alpha", alpha, "--composite", composite, "--premultiplied", premultiplied,
        "--background", "#00ff00",
    )  # fmt: skip
    assert code == 0, said
    assert "the last row or column is repeated, 62x46 px" in said
    grays, colors = shown(alpha), shown(composite)
    assert grays[0].frame.format.name == "gray"
    assert (colors[0].frame.width, colors[0].frame.height) == (62, 46)
    assert samples(alpha) is None
    assert samples(composite) is not None
    for index, (gray, over) in enumerate(zip(grays, colors, strict=True)):
        np.testing.assert_array_equal(gray.bgra[..., 0], np.rint(expected[index] * 255))
        background = expected[index] == 0
        assert np.abs(over.bgra[:45, :61][background][:, :3].astype(int) - (0, 255, 0)).mean() < 8
        multiplied = cv2.imread(str(premultiplied / f"{index:06}.png"), cv2.IMREAD_UNCHANGED)
        assert (multiplied[..., :3] <= multiplied[..., 3:]).all()


@pytest.mark.parametrize("option", ["closed_form", "orientations"])
def test_a_better_alpha_is_that_of_the_engine(
    option: str, run: Run, clip: Path, plan: Path, trimaps: Callable[..., Path], tmp_path: Path,
    expected: list[np.ndarray],
) -> None:  # fmt: skip
    asked = {"closed_form": ("--closed-form", True), "orientations": ("--orientations=2", 2)}
    flag, value = asked[option]
    code, said = run(clip, "--trimap", trimaps(23), "--alpha", tmp_path / "alpha.mkv", flag)
    assert code == 0, said
    pictures, truths = drawn(23)
    written = [frame.bgra[..., 0] for frame in shown(tmp_path / "alpha.mkv")]
    with dim_trt.Engine(plan, threads=1, **{option: value}) as engine:
        for gray, usual, img, truth in zip(written, expected, pictures, truths, strict=True):
            np.testing.assert_array_equal(gray, np.rint(255 * engine.run(img, trimap_of(truth))))
            assert (gray != np.rint(255 * usual)).any()


def test_sixteen_bits(
    run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path, expected: list[np.ndarray]
) -> None:
    code, said = run(
        clip,
        "--trimap",
        trimaps(23),
        "--cutout",
        tmp_path / "deep",
        "--alpha",
        tmp_path / "a.mkv",
        "--alpha-depth",
        16,
        "--color-depth",
        16,
    )
    assert code == 0, said
    picture = cv2.imread(str(tmp_path / "deep" / "000005.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(picture[..., 3], np.rint(expected[5] * np.float32(65535)))
    gray = shown(tmp_path / "a.mkv")[5].frame
    assert gray.format.name == "gray16le"
    np.testing.assert_array_equal(gray.to_ndarray(), picture[..., 3])
    code, said = run(clip, "--trimap", trimaps(23), "--cutout", tmp_path / "a.webm", "--color-depth", 16)
    assert code == 1
    assert "16 bits go into .mkv or a folder" in said


@pytest.mark.parametrize("name", ["cutout.mov", "cutout.webm", "cutout.mkv"])
def test_variable_rates_keep_their_times(name: str, run: Run, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    ticks = [0, 40, 60, 61, 200, 290, 300, 420, 430, 431]
    clip = write_clip(
        tmp_path / "clip.mp4", drawn(10)[0], codec="libx264", pixel_format="yuv444p", times=ticks,
        time_base=Fraction(1, 1000), sound="aac",
    )  # fmt: skip
    code, said = run(clip, "--trimap", trimaps(10), "--cutout", tmp_path / name, "--segment-frames", 4)
    assert code == 0, said
    assert [frame.time for frame in shown(tmp_path / name)] == [Fraction(tick, 1000) for tick in ticks]
    sound, before = samples(tmp_path / name), samples(clip)
    assert sound is not None
    assert before is not None
    rate = 48000 if name.endswith("webm") else 44100
    assert abs(sound.shape[1] - before.shape[1] * rate / 44100) <= 1
    if name.endswith("mov"):
        np.testing.assert_array_equal(sound, before)
    else:
        assert f"encoding it as {'libopus' if name.endswith('webm') else 'flac'}" in said


@pytest.mark.parametrize("tags", [(1, 1), (5, 2), WIDE])
@pytest.mark.parametrize("name", ["cutout.mov", "over.mp4"])
def test_color_tags_and_pixel_shapes_are_passed_on(
    name: str, tags: tuple[int, int], run: Run, trimaps: Callable[..., Path], tmp_path: Path
) -> None:
    clip = write_clip(
        tmp_path / "clip.mkv", drawn(3, 46, 62)[0], pixel_format="yuv444p", tags=tags, aspect=Fraction(4, 3)
    )
    flag = "--composite" if name == "over.mp4" else "--cutout"
    code, said = run(clip, "--trimap", trimaps(3, 46, 62), flag, tmp_path / name)
    assert code == 0, said
    frame = shown(tmp_path / name)[2].frame
    assert frame.colorspace == {1: 1, 5: 5, 9: 9}[tags[0]]
    assert frame.color_range == 1  # limited: what every player takes
    if flag == "--cutout":
        opaque = shown(tmp_path / name)[2].bgra
        inside = opaque[..., 3] == 255
        assert np.abs(opaque[inside][:, :3].astype(int) - drawn(3, 46, 62)[0][2][inside]).mean() < 2.5


def test_clips_without_sound_or_without_its_copy(
    run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path
) -> None:
    silent = write_clip(tmp_path / "silent.mkv", drawn(3)[0])
    assert run(silent, "--trimap", trimaps(3), "--cutout", tmp_path / "a.mov")[0] == 0
    assert samples(tmp_path / "a.mov") is None
    assert run(clip, "--trimap", trimaps(23), "--cutout", tmp_path / "b.mov", "--no-audio")[0] == 0
    assert samples(tmp_path / "b.mov") is None
