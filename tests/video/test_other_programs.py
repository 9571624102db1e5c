"""Files that other programs take: codec tags, clocks, pixel shapes, timecode and titles, by independent readers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dim_trt.video.extras import KEEPS_FRAME_RATE
from tests.support.clips import drawn, samples, shown, write_clip, write_tone
from tests.support.probing import HAS_FFPROBE, PROBERS, chapters, file_tags, streams

Run = Callable[..., tuple[int, str]]
H264 = {"codec": "libx264", "pixel_format": "yuv420p"}
PICTURES, ALPHAS = drawn(12, 46, 62)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    path = tmp_path / "mask.png"
    cv2.imwrite(str(path), ALPHAS[0])
    return path


TAGS = {
    "cutout.mov": ("prores", "ap4h"),
    "premultiplied.mov": ("prores", "ap4h"),
    "alpha.mov": ("prores", "apch"),
    "composite.mov": ("prores", "apch"),
    "composite.mp4": ("h264", "avc1"),
    "alpha.mp4": ("h264", "avc1"),
    "cutout.webm": ("vp9", ""),
    "cutout.mkv": ("ffv1", ""),
}
MATROSKA_IDS = {"cutout.webm": b"V_VP9", "cutout.mkv": b"V_FFV1"}


def sample_entry(path: Path) -> str:
    """The four letters of the first sample description, from the bytes of a MOV or MP4 file."""
    data = path.read_bytes()
    place = data.index(b"stsd") + 4 + 4 + 4  # behind the name: version and flags, count, then the entry's size
    return data[place + 4 : place + 8].decode()


@pytest.mark.skipif(not HAS_FFPROBE, reason="ffprobe is not installed: PyAV alone reads the results back")
def test_ffprobe_reads_along() -> None:
    assert "ffprobe" in PROBERS


def test_codecs_have_their_tags(run: Run, mask: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", PICTURES[:3], sound="aac", **H264)
    for names in (list(TAGS)[:4], list(TAGS)[4:7], list(TAGS)[7:]):  # a run takes one result of each kind
        asked = [word for name in names for word in (f"--{Path(name).stem}", tmp_path / name)]
        code, said = run(clip, "--mask", mask, "--fixed", *asked)
        assert code == 0, said
    for name, (codec, tag) in TAGS.items():
        for prober in PROBERS:
            video = streams(tmp_path / name, prober)[0]
            assert (video["codec"], video["tag"]) == (codec, tag), name
        if name in MATROSKA_IDS:
            assert MATROSKA_IDS[name] in (tmp_path / name).read_bytes()
        else:
            assert sample_entry(tmp_path / name) == tag


CLOCKS = {
    "clip.ts": ({"output_ts_offset": "1.48"}, "mp2"),
    "late.ts": ({"output_ts_offset": "50001"}, "mp2"),
    "clip.nut": ({"output_ts_offset": "0.08"}, "pcm_s16le"),
    "later.mkv": ({"output_ts_offset": "3"}, "flac"),
}


@pytest.mark.parametrize("name", CLOCKS)
def test_clocks_begin_at_zero_and_streams_stay_together(name: str, run: Run, mask: Path, tmp_path: Path) -> None:
    """Pictures begin 120 ms after the sound."""
    options, sound = CLOCKS[name]
    times = [3 + i for i in range(12)]
    clip = write_clip(tmp_path / name, PICTURES, times=times, sound=sound, sound_rate=48000, options=options, **H264)
    before = {one["type"]: one["start"] for one in streams(clip, "pyav")}
    assert min(before.values()) > 0.05
    offset = before["video"] - before["audio"]
    assert abs(offset - 0.12) < 0.03
    results = tmp_path / "composite.mov", tmp_path / "premultiplied.mkv", tmp_path / "alpha.mov"
    asked = [word for result in results for word in (f"--{result.stem}", result)]
    code, said = run(clip, "--mask", mask, "--fixed", *asked)
    assert code == 0, said
    for result, prober in itertools.product(results, PROBERS):
        after = {one["type"]: one["start"] for one in streams(result, prober)}
        assert abs(after["video"] - offset) < 0.002
        assert abs(after.get("audio", 0)) < 0.002
    with av.open(str(results[0])) as container:
        assert container.duration
        assert container.duration / av.time_base < 1
    frames = shown(results[0])
    assert [round(float(frame.time - frames[0].time) * 25) for frame in frames] == list(range(12))


def test_pixel_shapes_are_kept_or_named(run: Run, mask: Path, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", PICTURES[:2], aspect=Fraction(64, 45), **H264)
    for name in ("a.mov", "b.mp4", "c.mkv", "d.webm", "e"):
        code, said = run(clip, "--mask", mask, "--fixed", "--composite", tmp_path / name)
        assert code == 0, said
        if name in ("a.mov", "b.mp4"):
            assert {streams(tmp_path / name, prober)[0]["aspect"] for prober in PROBERS} == {Fraction(64, 45)}
            assert "64:45" not in said
        else:
            assert f"pixels are 64:45, which {tmp_path / name} cannot say" in said


@pytest.fixture
def documentary(tmp_path: Path) -> Path:
    """Timecode, chapters, titles, two audio tracks of which the second is the default, and a cover."""
    path = tmp_path / "documentary.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 46, 62, "yuv420p"
        first, second = (container.add_stream("flac", rate=48000) for _ in range(2))
        first.metadata["language"], second.metadata["title"] = "fra", "Director's comment"
        first.disposition, second.disposition = 0, 1
        container.add_attachment("note.txt", "text/plain", b"a note")
        container.metadata.update(
            {"title": "My clip", "artist": "Me", "timecode": "01:02:03:04", "creation_time": "2024-05-06T07:08:09Z"}
        )
        container.set_chapters(
            [
                {"id": i, "start": 200 * i, "end": 200 * i + 200, "time_base": Fraction(1, 1000),
                 "metadata": {"title": title}}
                for i, title in enumerate(("One", "Two"))
            ]
        )  # fmt: skip
        for index, picture in enumerate(PICTURES[:10]):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for audio in (first, second):
            write_tone(container, audio, 0.4, 48000)
    return path


@pytest.mark.parametrize("name", ["a.mov", "b.mp4", "c.mkv", "d.webm"])
def test_timecode_titles_and_chapters_go_along(
    name: str, documentary: Path, run: Run, mask: Path, tmp_path: Path
) -> None:
    result = tmp_path / name
    code, said = run(documentary, "--mask", mask, "--fixed", "--composite", result)
    assert code == 0, said
    assert "streams that are left out: 1 of attachment" in said
    is_left_out = name in ("a.mov", "b.mp4") and not KEEPS_FRAME_RATE
    assert ("timecode: 01:02:03:04 is left out" in said) == is_left_out
    for prober in PROBERS:
        tags, (video, *sound) = file_tags(result, prober), streams(result, prober)
        assert (tags["title"], tags["artist"]) == ("My clip", "Me")
        assert tags["creation_time"].startswith("2024-05-06T07:08:09")
        timecode = tags.get("timecode") or video["tags"].get("timecode")
        assert timecode == "01:02:03:04" or (timecode is None and is_left_out)
        assert chapters(result, prober) == [(0, 0.2, "One"), (0.2, 0.4, "Two")]
        assert [one["default"] for one in sound] == [False, True]
        assert sound[0]["tags"]["language"] == "fra"
        assert sound[1]["tags"]["handler_name" if name in ("a.mov", "b.mp4") else "title"] == "Director's comment"


@pytest.mark.skipif(not KEEPS_FRAME_RATE, reason="this PyAV writes no timecode into MOV")
def test_the_timecode_of_an_alpha_that_is_relinked(documentary: Path, run: Run, mask: Path, tmp_path: Path) -> None:
    """In the file there is a track of timecodes; 01:02:03:04 at 25 frames a second is frame 93079."""
    code, said = run(documentary, "--mask", mask, "--fixed", "--alpha", tmp_path / "alpha.mov")
    assert code == 0, said
    assert samples(tmp_path / "alpha.mov") is None
    data = (tmp_path / "alpha.mov").read_bytes()
    assert b"tmcd" in data
    assert (((1 * 60 + 2) * 60 + 3) * 25 + 4).to_bytes(4, "big") in data


def test_interlaced_clips_are_named(run: Run, mask: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1"})
        video.height, video.width, video.pix_fmt = 64, 64, "yuv420p"
        picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    cv2.imwrite(str(mask), np.pad(np.full((32, 32), 255, np.uint8), 16))
    code, said = run(path, "--mask", mask, "--fixed", "--alpha", tmp_path / "alpha.mkv")
    assert code == 0, said
    assert said.count("is interlaced") == 1
    assert "bwdif" in said
