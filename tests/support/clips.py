"""Small clips in real files, and what is in a file."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from training.scenes.drawing import draw_scene
from training.scenes.textures import Size

U8 = NDArray[np.uint8]
RATE = Fraction(25)
SOUND_RATE = 44100


class Shown(NamedTuple):
    """A decoded frame: when it is shown, and its colors [height, width, 4] uint8 BGRA."""

    time: Fraction
    bgra: U8
    frame: Any


def drawn(count: int, height: int = 45, width: int = 61) -> tuple[list[U8], list[U8]]:
    """Pictures of a soft disc that moves over stripes, and its alpha [height, width] uint8."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    back = np.dstack([np.full_like(x, 70), 100 + 60 * np.sin(y / 5), 90 + 50 * np.sin(x / 7)])
    pictures, alphas = [], []
    for i in range(count):
        away = np.hypot(y - height * 0.5, x - width * (0.5 + 0.15 * np.sin(i / 9)))
        alpha = np.clip((height * 0.3 - away) / 3 + 0.5, 0, 1)[..., None]
        pictures.append(np.rint(alpha * (40, 160, 220) + (1 - alpha) * back).astype(np.uint8))
        alphas.append(np.rint(alpha[..., 0] * 255).astype(np.uint8))
    return pictures, alphas


def moving_scene(count: int, height: int, width: int, seed: int = 4) -> tuple[list[U8], list[NDArray[np.float32]]]:
    """Pictures of an object with hair that goes sideways over a background that stays, and its true alpha in 0..1."""
    scene = draw_scene(np.random.default_rng(seed), Size(height, width), "hair")
    layer = np.dstack([scene.foreground[..., ::-1] * scene.alpha[..., None], scene.alpha])
    pictures, alphas = [], []
    for i in range(count):
        moved = cv2.warpAffine(layer, np.array([[1, 0, 1.3 * i], [0, 1, 0.4 * i]], np.float32), (width, height))
        alpha = np.clip(moved[..., 3], 0, 1)
        alpha = np.where(alpha < 1 / 128, 0, np.where(alpha > 127 / 128, 1, alpha)).astype(np.float32)
        mixed = moved[..., :3] + (1 - alpha[..., None]) * scene.background[..., ::-1]
        pictures.append(np.rint(np.clip(mixed, 0, 1) * 255).astype(np.uint8))
        alphas.append(alpha)
    return pictures, alphas


def trimap_of(alpha: U8, side_px: int = 5) -> U8:
    """Unknown where alpha is mixed and next to that."""
    mixed = cv2.dilate(((alpha > 0) & (alpha < 255)).astype(np.uint8), np.ones((side_px, side_px), np.uint8)) > 0
    return np.where(mixed, 128, np.where(alpha == 255, 255, 0)).astype(np.uint8)


def write_clip(
    path: Path,
    pictures: Sequence[U8],
    *,
    codec: str = "ffv1",
    pixel_format: str = "bgr0",
    times: Sequence[int] | None = None,
    time_base: Fraction = 1 / RATE,
    sound: str | None = None,
    sound_rate: int = SOUND_RATE,
    tags: tuple[int, int] | None = None,
    aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """`times` in ticks of `time_base`; `tags`: color matrix and range; `sound`: a codec for a tone as long;
    `options`: of the container."""
    ticks = list(times or range(len(pictures)))
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream(codec, rate=RATE)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = pixel_format
        video.codec_context.time_base = time_base
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        if tags:
            video.codec_context.colorspace, video.codec_context.color_range = tags
        audio: Any = container.add_stream(sound, rate=sound_rate) if sound else None
        for picture, tick in zip(pictures, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, "bgr24")
            if tags:
                frame = frame.reformat(format=pixel_format, dst_colorspace=tags[0], dst_color_range=tags[1])
            frame.pts, frame.time_base = tick, time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio:
            write_tone(container, audio, float(ticks[-1] * time_base + 1 / RATE), sound_rate)
    return path


def write_tone(container: Any, audio: Any, seconds: float, rate: int = SOUND_RATE) -> None:
    tone = np.rint(6000 * np.sin(np.arange(round(seconds * rate)) / 30)).astype(np.int16)
    resampler = av.AudioResampler(audio.format, audio.layout, rate, audio.codec_context.frame_size or None)
    for start in range(0, len(tone), 1024):
        part = np.repeat(tone[start : start + 1024], 2)[None]
        frame = av.AudioFrame.from_ndarray(part, "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        for converted in resampler.resample(frame):
            container.mux(audio.encode(converted))
    container.mux(audio.encode(None))


def shown(path: Path) -> list[Shown]:
    """All frames, with the decoder that keeps VP9's alpha."""
    frames: list[Any] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context: Any = stream.codec_context
        if context.name == "vp9":
            context = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            frames += context.decode(packet if packet.size else None)
        base = stream.time_base
    return [Shown(frame.pts * base, frame.to_ndarray(format="bgra"), frame) for frame in frames]


def samples(path: Path) -> NDArray[Any] | None:
    """[channels, samples] of the first audio stream."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        channels = container.streams.audio[0].codec_context.channels
    return np.concatenate([frame.reshape(-1, channels).T if len(frame) == 1 else frame for frame in frames], 1)
