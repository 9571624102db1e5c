"""Pictures of clips: times, orientation, colors, and frames that cannot be read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from dim_trt.errors import InvalidInput
from dim_trt.video.colors import KNOWS_BT2020
from dim_trt.video.reading import Unreadable, VideoReader
from tests.support.clips import drawn, write_clip, write_tone

PICTURES, _ = drawn(12)


def test_lossless_pictures_come_back_to_the_bit(tmp_path: Path) -> None:
    reader = VideoReader(str(write_clip(tmp_path / "clip.mkv", PICTURES)))
    read = list(reader.pictures())
    reader.close()
    assert reader.clip.size == (45, 61)
    assert [picture.frame.index for picture in read] == list(range(12))
    for picture, expected in zip(read, PICTURES, strict=True):
        np.testing.assert_array_equal(picture.frame.image, expected)


def test_times_of_a_variable_rate_are_exact(tmp_path: Path) -> None:
    ticks = [0, 1001, 3003, 3004, 7007, 9009]
    clip = write_clip(
        tmp_path / "clip.mp4",
        PICTURES[:6],
        codec="libx264",
        pixel_format="yuv444p",
        times=ticks,
        time_base=Fraction(1, 30000),
    )
    reader = VideoReader(str(clip))
    read = list(reader.pictures())
    assert [picture.pts * reader.clip.time_base for picture in read] == [Fraction(tick, 30000) for tick in ticks]
    assert read[2].frame.time_s == pytest.approx(0.1001)
    assert read[0].duration * reader.clip.time_base == Fraction(1001, 30000)


def test_reading_from_a_later_picture(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", PICTURES, codec="libx264", pixel_format="yuv444p")
    whole, rest = list(VideoReader(str(clip)).pictures()), list(VideoReader(str(clip)).pictures(7))
    assert [picture.frame.index for picture in rest] == [7, 8, 9, 10, 11]
    assert [picture.pts for picture in rest] == [picture.pts for picture in whole[7:]]
    np.testing.assert_array_equal(rest[0].frame.image, whole[7].frame.image)


WIDE = pytest.param((9, 1), marks=pytest.mark.skipif(not KNOWS_BT2020, reason="this PyAV knows no BT.2020"))


@pytest.mark.parametrize("tags", [(1, 1), (1, 2), (5, 1), (5, 2), WIDE])
def test_matrix_and_range_are_applied(tmp_path: Path, tags: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "clip.mkv", PICTURES[:1], pixel_format="yuv444p", tags=tags)
    (picture,) = VideoReader(str(clip)).pictures()
    assert np.abs(picture.frame.image.astype(int) - PICTURES[0]).max() <= 3


def test_a_matrix_that_is_not_computed_is_refused(tmp_path: Path) -> None:
    picture = np.full((46, 62, 3), 128, np.uint8)
    clip = write_clip(tmp_path / "clip.mp4", [picture], codec="libx264", pixel_format="yuv444p", tags=(14, 1))
    with pytest.raises(InvalidInput, match=r"got number 14 of ISO"):
        VideoReader(str(clip))


def quarter(turns: int) -> tuple[int, int, int, int]:
    return [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)][turns]


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pictures_are_upright(tmp_path: Path, turns: int, mirrored: bool) -> None:
    """The matrix in an MP4 file's track header says how a phone was held."""
    clip = write_clip(
        tmp_path / "clip.mp4", PICTURES[:2], codec="libx264", pixel_format="yuv444p", aspect=Fraction(4, 3)
    )
    a, b, c, d = quarter(turns)
    if mirrored:
        a, c = -a, -c
    data = bytearray(clip.read_bytes())
    place = data.index(b"tkhd") + 44
    one = 1 << 16
    entries = (a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30)
    data[place : place + 36] = b"".join(entry.to_bytes(4, "big", signed=True) for entry in entries)
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(data)
    plain = next(VideoReader(str(clip)).pictures()).frame.image
    reader = VideoReader(str(turned))
    upright = next(reader.pictures()).frame.image
    expected = np.rot90(plain, -turns)  # clockwise, then mirrored
    np.testing.assert_array_equal(upright, expected[:, ::-1] if mirrored else expected)
    assert reader.clip.size == upright.shape[:2]
    assert reader.clip.pixel_aspect == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """Frame 7 of 12 is not one."""
    clip = write_clip(tmp_path / "clip.avi", PICTURES, codec="mjpeg", pixel_format="yuvj444p")
    with av.open(str(clip)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][7]
        place, size = packet.pos, packet.size
    data = bytearray(clip.read_bytes())
    assert place is not None
    start = data.index(bytes(packet), max(0, place - 16))
    data[start : start + size] = bytes(size)
    clip.write_bytes(data)
    return clip


def test_unreadable_frames_stop(damaged: Path) -> None:
    read = []
    with pytest.raises(InvalidInput, match=r"frame 7 of .* cannot be read .*--unreadable skip or"):
        read.extend(picture.frame.index for picture in VideoReader(str(damaged)).pictures())
    assert read == list(range(7))


@pytest.mark.parametrize("policy", ["skip", "repeat"])
def test_unreadable_frames_are_left_out_or_repeated(damaged: Path, policy: Unreadable) -> None:
    read = list(VideoReader(str(damaged), unreadable=policy).pictures())
    indices = [picture.frame.index for picture in read]
    assert indices == [i for i in range(12) if policy == "repeat" or i != 7]
    assert [picture.pts for picture in read] == indices
    if policy == "repeat":
        np.testing.assert_array_equal(read[7].frame.image, read[6].frame.image)


@pytest.mark.parametrize("policy", ["skip", "repeat"])
def test_unreadable_frames_of_a_codec_that_reorders(tmp_path: Path, policy: Unreadable) -> None:
    clip = write_clip(tmp_path / "clip.mp4", PICTURES, codec="libx264", pixel_format="yuv444p")
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        times = [packet.pts or 0 for packet in packets]
        place = next(i for i in range(1, 12) if times[i] < times[i - 1])  # shown before the one that it comes after
        packet, lost = packets[place], sorted(times).index(times[place])
    data = bytearray(clip.read_bytes())
    assert packet.pos is not None
    data[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    clip.write_bytes(data)
    read = list(VideoReader(str(clip), unreadable=policy).pictures())
    assert [picture.frame.index for picture in read] == [i for i in range(12) if policy == "repeat" or i != lost]
    with pytest.raises(InvalidInput, match=f"frame {lost} of"):
        list(VideoReader(str(clip)).pictures())


def test_clips_that_change_size(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mjpeg"
    sizes = [(45, 61)] * 3 + [(61, 45)]
    pictures = [cv2.imencode(".jpg", np.full((*size, 3), 99, np.uint8))[1].tobytes() for size in sizes]
    clip.write_bytes(b"".join(pictures))
    pictures_before = []
    with pytest.raises(InvalidInput, match=r"frame 3: expected 61x45 px as frame 0, got 45x61"):
        pictures_before.extend(picture.pts for picture in VideoReader(str(clip)).pictures())
    assert len(pictures_before) == 3
    assert pictures_before == sorted(set(pictures_before))


def test_what_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot read 'nowhere.mp4': No such file"):
        VideoReader("nowhere.mp4")
    text = tmp_path / "text.mp4"
    text.write_text("no video at all " * 50)
    with pytest.raises(InvalidInput, match=r"cannot read .*Invalid data"):
        VideoReader(str(text))
    silent = tmp_path / "sound.mka"
    with av.open(str(silent), "w") as container:
        write_tone(container, container.add_stream("pcm_s16le", rate=44100), 0.1)
    with pytest.raises(InvalidInput, match="has no video in it"):
        VideoReader(str(silent))
    empty = tmp_path / "empty.mkv"
    with av.open(str(empty), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 61, 45, "bgr0"
        write_tone(container, container.add_stream("pcm_s16le", rate=44100), 0.1)
    with pytest.raises(InvalidInput, match="no frame that can be decoded"):
        VideoReader(str(empty))
