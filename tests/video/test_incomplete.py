"""Files that broke off or are damaged at the end: every frame that is there, and a word about those that are not."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dim_trt.errors import Error, InvalidInput
from dim_trt.video import ahead
from dim_trt.video.decoding import reason
from dim_trt.video.reading import VideoReader
from tests.support.clips import drawn, shown, write_clip

Run = Callable[..., tuple[int, str]]
COUNT = 50
PICTURES, ALPHAS = drawn(COUNT, 46, 62)


def packets(path: Path) -> list[tuple[int, int]]:
    """(place, size) of each, as they follow each other in the file."""
    with av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]


def by_one_thread(path: Path) -> int:
    """How many frames a decoder on one thread gives, whatever it says."""
    count = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            try:
                count += len(packet.decode())
            except av.FFmpegError:
                continue
    return count


def cut(path: Path) -> Path:
    """Its first two thirds."""
    data = path.read_bytes()
    place, size = packets(path)[COUNT * 2 // 3]
    path.write_bytes(data[: place + size // 2])
    return path


@pytest.fixture(params=["faststart.mp4", "fragments.mp4", "clip.mkv", "damaged.mp4"])
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    movflags = {"faststart.mp4": "faststart", "fragments.mp4": "frag_keyframe"}.get(path.name)
    options = {"movflags": movflags} if movflags else {}
    write_clip(path, PICTURES, codec="libx264", pixel_format="yuv420p", options=options)
    if path.name != "damaged.mp4":
        return cut(path)
    data = bytearray(path.read_bytes())
    for place, size in packets(path)[-6:]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_all_frames_and_an_error_with_both_counts(broken: Path) -> None:
    read = []
    with pytest.raises(
        InvalidInput, match=r"expected (50|51) frames, (found|could read) \d+; .*--unreadable skip"
    ) as told:
        read.extend(picture.frame.index for picture in VideoReader(str(broken)).pictures())
    expected = by_one_thread(broken)
    assert 25 <= expected < COUNT
    assert read == list(range(expected))
    assert f" {expected};" in str(told.value)


def test_going_on_all_the_same_is_a_warning(broken: Path, run: Run, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    asked = (broken, "--mask", tmp_path / "mask.png", "--fixed", "--segment-frames", 10, "--alpha", tmp_path / "a.mkv")
    code, said = run(*asked)
    assert code == 1
    assert not (tmp_path / "a.mkv").exists()
    code, said = run(*asked, "--unreadable", "skip")
    assert code == 0, said
    count = by_one_thread(broken)
    assert f"{count} frames, {count // 10 * 10} of them from before" in said
    assert len(shown(tmp_path / "a.mkv")) == count
    assert any(f"expected {number} frames" in said for number in (50, 51))


def test_a_trimmed_clip_is_whole(tmp_path: Path) -> None:
    """An edit list leaves out what the index of an MP4 file still has."""
    path = write_clip(tmp_path / "clip.mp4", PICTURES, codec="mpeg4", pixel_format="yuv420p")
    data = bytearray(path.read_bytes())
    place = data.index(b"elst") + 4
    entries = int.from_bytes(data[place + 4 : place + 8], "big")
    assert entries == 1
    duration = int.from_bytes(data[place + 8 : place + 12], "big")
    data[place + 8 : place + 12] = (duration // 2).to_bytes(4, "big")
    path.write_bytes(data)
    reader = VideoReader(str(path))
    count = len(list(reader.pictures()))
    assert 20 <= count <= 30
    assert not reader.remarks


def test_an_index_at_the_end_of_a_pipe(tmp_path: Path, run: Run) -> None:
    noise = list(np.random.default_rng(0).integers(0, 256, (12, 90, 122, 3), np.uint8))
    path = write_clip(tmp_path / "clip.mp4", noise, codec="libx264", pixel_format="yuv420p")
    cv2.imwrite(str(tmp_path / "mask.png"), np.full((90, 122), 255, np.uint8))
    with path.open("rb") as stream:
        saved = os.dup(0)
        reading, writing = os.pipe()
        try:
            os.dup2(reading, 0)
            feeder = threading.Thread(target=feed, args=(writing, stream.read()))
            feeder.start()
            code, said = run("-", "--mask", tmp_path / "mask.png", "--fixed", "--alpha", tmp_path / "a.mkv")
        finally:
            os.dup2(saved, 0)
            os.close(reading)
            os.close(saved)
            feeder.join()
    assert code == 1
    assert "index is at the end" in said
    assert "faststart" in said


def feed(pipe: int, data: bytes) -> None:
    with open(pipe, "wb") as stream, contextlib.suppress(BrokenPipeError):
        stream.write(data)


def test_results_that_are_folders_are_told_before_the_work(run: Run, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", PICTURES[:2])
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    (tmp_path / "a.mov").mkdir()
    (tmp_path / "b").write_text("kept")
    for name, words in (("a.mov", "is a folder"), ("b", "is a file")):
        code, said = run(clip, "--mask", tmp_path / "mask.png", "--fixed", "--alpha", tmp_path / name)
        assert code == 1
        assert words in said
        assert not (tmp_path / f"{name}.parts").exists()
    assert (tmp_path / "b").read_text() == "kept"


def test_no_threads_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ahead.threading.Thread, "start", refuse)
    with pytest.raises(Error, match=r"cannot begin reading: the system allows no more threads \(ulimit -u"):
        next(ahead.ahead((number for number in range(3)), 2, "reading"))
    assert reason(av.error.BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")) == ahead.NO_THREADS
