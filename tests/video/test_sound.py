"""Sound that a container does not take as it is: channels, rates, depth, damage."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dim_trt.errors import Error
from dim_trt.video.formats import choose
from dim_trt.video.sound_plan import plan_sound
from tests.support.clips import drawn, samples, write_clip
from tests.support.probing import PROBERS, streams

Run = Callable[..., tuple[int, str]]
PICTURES, ALPHAS = drawn(10, 46, 62)
SECONDS = 0.4


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "mask.png"), ALPHAS[0])
    return tmp_path / "mask.png"


def with_sound(path: Path, codec: str, waves: NDArray[np.float32], rate: int, layout: str, form: str = "fltp") -> Path:
    """A clip with `waves` [channels, samples] in -1..1; integers of 32 bits where `form` is s32."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 46, 62, "yuv420p"
        audio = container.add_stream(codec, rate=rate)
        audio.codec_context.layout, audio.codec_context.format = layout, form
        for index, picture in enumerate(PICTURES):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        step = audio.codec_context.frame_size or 1024
        for start in range(0, waves.shape[1], step):
            part = np.ascontiguousarray(waves[:, start : start + step])
            if not form.endswith("p"):
                part = np.ascontiguousarray(part.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(part, form, layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


def tones(frequencies: list[int], rate: int) -> NDArray[np.float32]:
    time = np.arange(round(SECONDS * rate)) / rate
    return np.array([0.2 * np.sin(2 * np.pi * hertz * time) for hertz in frequencies], np.float32)


def loudest(sound: NDArray[np.float32], rate: int) -> list[int]:
    """The strongest frequency of each channel, to the next ten hertz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.shape[1]), rate // 10))
    return [int(10 * place) for place in spectrum.argmax(1)]


def sound_of(path: Path) -> dict[str, object]:
    """As every reader there is says it."""
    found = [next(one for one in streams(path, prober) if one["type"] == "audio") for prober in PROBERS]
    assert all((one["codec"], one["rate"]) == (found[0]["codec"], found[0]["rate"]) for one in found)
    return found[0]


def test_surround_with_side_speakers_becomes_opus(run: Run, mask: Path, tmp_path: Path) -> None:
    frequencies = [300, 400, 500, 80, 700, 900]
    clip = with_sound(tmp_path / "clip.mkv", "ac3", tones(frequencies, 48000), 48000, "5.1(side)")
    code, said = run(clip, "--mask", mask, "--fixed", "--composite", tmp_path / "a.webm")
    assert code == 0, said
    assert "encoding it as libopus; 5.1(side) becomes 5.1" in said
    sound, heard = sound_of(tmp_path / "a.webm"), samples(tmp_path / "a.webm")
    assert (sound["codec"], sound["layout"]) == ("opus", "5.1")
    assert heard is not None
    assert loudest(heard[:, : round(SECONDS * 48000)], 48000) == frequencies


def test_rates_above_those_of_aac(run: Run, mask: Path, tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mov", "pcm_f32le", tones([440], 192000), 192000, "mono", "flt")
    code, said = run(clip, "--mask", mask, "--fixed", "--composite", tmp_path / "a.mp4")
    assert code == 0, said
    assert "192000 Hz becomes 96000 Hz" in said
    sound, heard = sound_of(tmp_path / "a.mp4"), samples(tmp_path / "a.mp4")
    assert (sound["codec"], sound["rate"]) == ("aac", 96000)
    assert heard is not None
    assert loudest(heard, 96000) == [440]


def test_depth_is_kept(run: Run, mask: Path, tmp_path: Path) -> None:
    levels = np.random.default_rng(0).integers(-(2**23), 2**23, (2, 9600)).astype(np.int32) << 8
    clip = with_sound(tmp_path / "clip.mkv", "flac", levels, 48000, "stereo", "s32")
    code, said = run(clip, "--mask", mask, "--fixed", "--composite", tmp_path / "a.mov")
    assert code == 0, said
    assert sound_of(tmp_path / "a.mov")["codec"] == "pcm_s24le"
    np.testing.assert_array_equal(samples(tmp_path / "a.mov"), levels)


def test_damaged_sound_becomes_silence(run: Run, mask: Path, tmp_path: Path) -> None:
    clip = with_sound(tmp_path / "clip.mp4", "aac", tones([440], 48000), 48000, "mono")
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]
        places = [(packet.pos or 0, packet.size, (packet.pts or 0) / 48000) for packet in packets[9:11]]
    data = bytearray(clip.read_bytes())
    for place, size, _ in places:
        data[place : place + size] = (b"\xff\x5a" * size)[:size]
    clip.write_bytes(data)
    code, said = run(clip, "--mask", mask, "--fixed", "--composite", tmp_path / "a.webm")
    assert code == 0, said
    assert "2 damaged parts became silence" in said
    heard = samples(tmp_path / "a.webm")
    assert heard is not None
    assert abs(heard.shape[1] - SECONDS * 48000) < 2048
    start = round(places[1][2] * 48000)
    assert np.abs(heard[:, start + 200 : start + 800]).max() < 0.02
    for around in (slice(2000, 6000), slice(start + 4000, start + 7000)):
        assert np.abs(heard[:, around]).max() > 0.15


def test_what_no_encoder_takes_is_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "clip.mkv", PICTURES[:2], sound="flac")
    monkeypatch.setattr("dim_trt.video.sound_plan.Encoder.opens", lambda _: False)
    with pytest.raises(Error, match=r"44100 Hz stereo, cannot be encoded as pcm_s16le; --no-audio leaves the sound"):
        plan_sound(clip, choose("a.mov", "composite"), Fraction(0))
