"""Runs that were stopped: what is left can be played, and the rest gives the same file as if nothing had happened."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dim_trt.video.results import Results
from tests.support.clips import drawn, shown, trimap_of, write_clip
from tests.support.stand_ins import SECONDS

Run = Callable[..., tuple[int, str]]
FRAMES = int(os.environ.get("DIM_TRT_VIDEO_FRAMES", "0"))  # 2000, say, makes the clips of two tests as long as that


def command(plan: Path, *arguments: object) -> list[str]:
    """As typed, in a process of its own."""
    return [sys.executable, "-m", "dim_trt.video", *map(str, arguments), "--plan", str(plan), "--threads", "1"]


@pytest.fixture
def first_trimap(tmp_path: Path) -> Path:
    path = tmp_path / "first.png"
    cv2.imwrite(str(path), trimap_of(drawn(1)[1][0]))
    return path


@pytest.mark.parametrize(
    ("name", "ended_by"),
    [
        ("cutout.mov", signal.SIGKILL),
        ("cutout.webm", signal.SIGTERM),
        ("cutout.mkv", signal.SIGTERM),
        ("over.mp4", signal.SIGKILL),
    ],
)
def test_killed_and_resumed_gives_the_same_file(
    name: str, ended_by: signal.Signals, plan: Path, run: Run, first_trimap: Path, tmp_path: Path
) -> None:
    """The trimaps come from the alpha before, so that is carried over, too."""
    count = FRAMES or 150
    clip = write_clip(tmp_path / "clip.mkv", drawn(count)[0], sound="flac")
    for folder in ("whole", "stopped"):
        (tmp_path / folder).mkdir()
    flag = "--composite" if name == "over.mp4" else "--cutout"
    result = tmp_path / "stopped" / name
    arguments = (clip, "--trimap", first_trimap, "--segment-frames", 16, flag)
    process = subprocess.Popen(command(plan, *arguments, result), stderr=subprocess.DEVNULL)
    end, parts = time.monotonic() + (600 if FRAMES else SECONDS), result.with_name(f"{name}.parts")
    while not (parts / f"{count // 32:05}.json").exists():  # half of the clip
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(ended_by)
    assert process.wait() == (-signal.SIGKILL if ended_by == signal.SIGKILL else 128 + signal.SIGTERM)
    assert not result.exists()
    kind = flag.strip("-")
    assert len(shown(parts / f"{count // 32:05}.{kind}{result.suffix}")) == 16
    code, said = run(*arguments, result)
    assert code == 0, said
    assert "of them from before" in said
    assert not parts.exists()
    assert run(*arguments, tmp_path / "whole" / name)[0] == 0
    assert result.read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_folder_of_pictures_goes_on(
    run: Run, clip: Path, trimaps: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (clip, "--trimap", trimaps(23), "--segment-frames", 5, "--cutout", tmp_path / "cutout")
    add = Results.add

    def fail_late(self: Results, picture: object, *rest: object) -> None:
        if picture.frame.index == 13:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        add(self, picture, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Results, "add", fail_late)
    assert run(*arguments)[0] == 130
    monkeypatch.undo()
    code, said = run(*arguments)
    assert code == 0, said
    assert "23 frames, 10 of them from before" in said
    assert len(list((tmp_path / "cutout").glob("*.png"))) == 23
    assert len((tmp_path / "cutout" / "timestamps.txt").read_text().splitlines()) == 24
    code, said = run(*arguments)
    assert code == 1
    assert "holds pictures already" in said


def test_what_was_asked_must_be_the_same(run: Run, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", drawn(23)[0])
    short = trimaps(12)
    arguments = (clip, "--trimap", short, "--segment-frames", 5, "--cutout", tmp_path / "cutout.mov")
    code, said = run(*arguments)
    assert code == 1
    assert "expected one for frame 12" in said
    parts = tmp_path / "cutout.mov.parts"
    assert [
        len(shown(path)) for path in sorted(parts.glob("*.mov")) if path.with_suffix("").with_suffix(".json").exists()
    ] == [5, 5]
    code, said = run(*arguments, "--colors", "image")
    assert code == 1
    assert "a run with another estimate colors" in said
    code, said = run(*arguments, "--orientations", "2")
    assert code == 1
    assert "a run with another orientations" in said
    code, said = run(*arguments, "--closed-form")
    assert code == 1
    assert "a run with another closed form" in said
    trimaps(23)
    code, said = run(*arguments)
    assert code == 1
    assert "a run with another trimap" in said
    code, said = run(*arguments, "--restart")
    assert code == 0, said
    assert len(shown(tmp_path / "cutout.mov")) == 23


def test_a_key_frame_at_a_cut_is_added_and_the_run_goes_on(run: Run, first_trimap: Path, tmp_path: Path) -> None:
    pictures, _ = drawn(20)
    clip = write_clip(tmp_path / "clip.mkv", [*pictures, *[255 - picture for picture in pictures]])
    arguments = ("--segment-frames", 8, "--cutout", tmp_path / "cutout.mov")
    code, said = run(clip, "--trimap", first_trimap, *arguments)
    assert code == 1
    assert "frame 20: the scene changes here and there is no key frame" in said
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("key_0.png", "key_20.png"):
        (keys / name).write_bytes(first_trimap.read_bytes())
    code, said = run(clip, "--trimap", keys, "--key-frames", *arguments)
    assert code == 0, said
    assert "40 frames, 16 of them from before" in said
    assert len(shown(tmp_path / "cutout.mov")) == 40


def test_key_frames_carried_both_ways_go_on_to_the_same_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, alphas = drawn(23)
    clip, keys = write_clip(tmp_path / "clip.mkv", pictures), tmp_path / "keys"
    keys.mkdir()
    for index in (3, 20):
        cv2.imwrite(str(keys / f"{index}.png"), trimap_of(alphas[index]))
    arguments = (clip, "--trimap", keys, "--key-frames", "--segment-frames", 5, "--alpha")
    assert run(*arguments, tmp_path / "whole.mkv")[0] == 0
    add = Results.add

    def fail_late(self: Results, picture: object, *rest: object) -> None:
        if picture.frame.index == 13:  # type: ignore[attr-defined]
            raise KeyboardInterrupt
        add(self, picture, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Results, "add", fail_late)
    assert run(*arguments, tmp_path / "stopped.mkv")[0] == 130
    monkeypatch.undo()
    code, said = run(*arguments, tmp_path / "stopped.mkv")
    assert code == 0, said
    assert "23 frames, 10 of them from before" in said
    assert (tmp_path / "stopped.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()
    for frame, alpha in zip(shown(tmp_path / "whole.mkv"), alphas, strict=True):
        assert np.abs(frame.bgra[..., 0] - alpha.astype(np.float32)).mean() < 255 * 0.03


def test_more_trimaps_than_frames_are_told(run: Run, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", drawn(7)[0])
    code, said = run(clip, "--trimap", trimaps(9), "--cutout", tmp_path / "cutout.mov")
    assert code == 1
    assert "has trimaps for 9 frames, but the clip has 7" in said
    assert len(shown(tmp_path / "cutout.mov")) == 7


def test_a_full_disk_keeps_what_was_finished(plan: Path, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    """No file may grow beyond a size: the first segment is below it, where nothing moves, and the second is not."""
    still, noise = drawn(1)[0][0], np.random.default_rng(0).integers(0, 256, (8, 45, 61, 3), np.uint8)
    clip = write_clip(tmp_path / "clip.mkv", [*[np.full_like(still, 90)] * 8, *noise])
    arguments = (clip, "--trimap", trimaps(16), "--segment-frames", 8, "--cutout", tmp_path / "cutout.mkv")
    limited = command(plan, *arguments, "--colors", "image")
    done = subprocess.run(
        limited,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000)),
    )
    assert done.returncode == 1, done.stderr
    assert "error: cannot write" in done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(shown(tmp_path / "cutout.mkv.parts" / "00000.cutout.mkv")) == 8
    assert not (tmp_path / "cutout.mkv").exists()
    assert subprocess.run(limited, check=False, capture_output=True).returncode == 0
    assert len(shown(tmp_path / "cutout.mkv")) == 16


@pytest.mark.measures
def test_memory_stays_flat(plan: Path, trimaps: Callable[..., Path], tmp_path: Path) -> None:
    """The second half must not grow."""
    count = FRAMES or 240
    clip = write_clip(tmp_path / "clip.mp4", drawn(count)[0], codec="libx264", pixel_format="yuv444p", sound="aac")
    process = subprocess.Popen(
        [sys.executable, "-c", MEASURED, str(count // 2), *command(plan, clip, "--trimap", trimaps(count), "--cutout",
         tmp_path / "cutout.mov", "--alpha", tmp_path / "alpha.mkv", "--segment-frames", count // 10)[3:]],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    said, _ = process.communicate()
    assert process.returncode == 0
    half, end = (int(line.split()[1]) for line in said.splitlines() if line.startswith("resident_kib"))
    print(f"{count} frames: {half} KiB after half of them, {end} KiB after all")
    assert end - half < 20 * 1024
    assert len(shown(tmp_path / "cutout.mov")) == count


MEASURED = """
import re, sys
from pathlib import Path
from dim_trt.video import __main__ as video
from dim_trt.video.results import Results

def resident():
    status = Path("/proc/self/status").read_text()
    print("resident_kib", re.search(r"VmRSS:\\s+(\\d+)", status)[1], flush=True)

half, add = int(sys.argv[1]), Results.add

def counted(self, picture, *rest):
    add(self, picture, *rest)
    if picture.frame.index == half:
        resident()

Results.add = counted
code = video.main(sys.argv[2:])
resident()
sys.exit(code)
"""
