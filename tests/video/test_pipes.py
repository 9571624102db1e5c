"""Frames through pipes, as behind `ffmpeg … -f rawvideo -` and before another ffmpeg."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import dim_trt
from dim_trt.foreground import estimate
from dim_trt.pictures.composite import cutout
from tests.support.clips import drawn, shown, trimap_of, write_clip
from tests.support.stand_ins import SECONDS

PICTURES, ALPHAS = drawn(9)


def piped(plan: Path, data: bytes, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-W", "error", "-m", "dim_trt.video", "-", *map(str, arguments), "--plan", str(plan)]
    return subprocess.run([*command, "--threads", "1"], input=data, capture_output=True, check=False)


@pytest.fixture(scope="module")
def expected(plan: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Alpha and cutout of each frame."""
    with dim_trt.Engine(plan, threads=1) as engine:
        alphas = [engine.run(img, trimap_of(alpha)) for img, alpha in zip(PICTURES, ALPHAS, strict=True)]
    return [(alpha, cutout(estimate(img, alpha)[0], alpha)) for img, alpha in zip(PICTURES, alphas, strict=True)]


def test_raw_frames_in_and_out(
    plan: Path, trimaps: Callable[..., Path], expected: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    data = b"".join(picture.tobytes() for picture in PICTURES)
    done = piped(plan, data, "--size", "61x45", "--trimap", trimaps(9), "--cutout", "-")
    assert done.returncode == 0, done.stderr.decode()
    written = np.frombuffer(done.stdout, np.uint8).reshape(9, 45, 61, 4)
    np.testing.assert_array_equal(written, [bgra for _, bgra in expected])
    assert b"9 frames" in done.stderr


def test_other_pixels_rates_and_a_file(plan: Path, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    data = b"".join(np.ascontiguousarray(picture[..., ::-1]).tobytes() for picture in PICTURES)
    rate = ("--size", "61x45", "--pixel-format", "rgb24", "--rate", "30000/1001")
    done = piped(plan, data, *rate, "--trimap", trimaps(9), "--cutout", tmp_path / "cutout.mov")
    assert done.returncode == 0, done.stderr.decode()
    frames = shown(tmp_path / "cutout.mov")
    assert [frame.time * 30000 for frame in frames] == [1001 * i for i in range(9)]
    inside = frames[4].bgra[..., 3] == 255
    assert np.abs(frames[4].bgra[inside][:, :3].astype(int) - PICTURES[4][inside]).mean() < 2


def test_a_container_through_a_pipe(
    plan: Path, trimaps: Callable[..., Path], tmp_path: Path, expected: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    clip = write_clip(tmp_path / "clip.mkv", PICTURES)
    done = piped(plan, clip.read_bytes(), "--trimap", trimaps(9), "--alpha", "-")
    assert done.returncode == 0, done.stderr.decode()
    written = np.frombuffer(done.stdout, np.uint8).reshape(9, 45, 61)
    np.testing.assert_array_equal(written, [np.rint(alpha * 255) for alpha, _ in expected])


def test_a_pipe_that_ends_within_a_frame(plan: Path, trimaps: Callable[..., Path]) -> None:
    data = b"".join(picture.tobytes() for picture in PICTURES[:4])
    done = piped(plan, data[:-100], "--size", "61x45", "--trimap", trimaps(9), "--cutout", "-")
    assert done.returncode == 1
    assert b"error: video: frame 3 of standard input cannot be read" in done.stderr
    assert len(done.stdout) == 3 * 45 * 61 * 4
    assert b"Traceback" not in done.stderr
    nothing = piped(plan, b"", "--size", "61x45", "--trimap", trimaps(9), "--cutout", "-")
    assert nothing.returncode == 1
    assert b"no frame that can be decoded" in nothing.stderr


def test_a_reader_that_has_seen_enough(plan: Path, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    data = b"".join(picture.tobytes() for picture in PICTURES) * 20
    (tmp_path / "frames").write_bytes(data)
    command = [sys.executable, "-m", "dim_trt.video", "-", "--size", "61x45", "--trimap", str(trimaps(180))]
    with (tmp_path / "frames").open("rb") as frames, (tmp_path / "said").open("w+b") as said:
        process = subprocess.Popen(
            [*command, "--cutout", "-", "--plan", str(plan), "--threads", "1"],
            stdin=frames,
            stdout=subprocess.PIPE,
            stderr=said,
        )
        assert process.stdout
        with process.stdout:
            assert len(process.stdout.read(45 * 61 * 4)) == 45 * 61 * 4
        assert process.wait(SECONDS) == 1
        assert b"Traceback" not in (tmp_path / "said").read_bytes()


def test_key_frames_of_a_pipe_are_carried_forwards_only(plan: Path, tmp_path: Path) -> None:
    data = b"".join(picture.tobytes() for picture in PICTURES)
    arguments = ("--size", "61x45", "--trimap", tmp_path, "--key-frames", "--alpha", "-")
    cv2.imwrite(str(tmp_path / "6.png"), trimap_of(ALPHAS[6]))
    done = piped(plan, data, *arguments)
    assert done.returncode == 1
    assert b"expected a trimap for frame 0" in done.stderr
    cv2.imwrite(str(tmp_path / "0.png"), trimap_of(ALPHAS[0]))
    done = piped(plan, data, *arguments)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr.count(b"cannot be read twice: trimaps are carried forwards only") == 1
    assert len(done.stdout) == 9 * 45 * 61
