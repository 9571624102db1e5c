"""What becomes of a clip's sound: copied where the container takes it, else encoded anew. Decided before the work."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.container.output import OutputContainer

from dim_trt.errors import Error
from dim_trt.video.decoding import reason
from dim_trt.video.formats import Format

LOGGER = logging.getLogger("dim_trt")
SHIFTING = ("matroska", "webm")  # with audio from before 0, which most codecs begin with, they would move all times
OPUS_RATE = 48000
RATES = (96000, 48000, 44100)  # for encoders that do not take the clip's
LAYOUTS = {3: "3.0", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}  # that every encoder knows, by channels
PCM = {"s32": "pcm_s24le", "flt": "pcm_f32le", "dbl": "pcm_f64le"}  # of formats without loss; else 16 bits
WIDER = ("wavpack",)  # have 32 bits where others have 24


@dataclass(frozen=True)
class Encoder:
    codec: str
    layout: str
    rate: int
    sample_format: str

    def add_to(self, container: OutputContainer) -> AudioStream:
        stream = container.add_stream(self.codec, rate=self.rate, options={"flags": "+bitexact"})
        assert isinstance(stream, AudioStream)
        self._set_up(stream.codec_context)
        stream.time_base = Fraction(1, self.rate)
        return stream

    def opens(self) -> bool:
        context = av.CodecContext.create(self.codec, "w")
        assert isinstance(context, AudioCodecContext)
        try:
            context.sample_rate = self.rate
            self._set_up(context)
            context.open()
        except (av.FFmpegError, ValueError):
            return False
        return True

    def _set_up(self, context: AudioCodecContext) -> None:
        context.layout, context.format = self.layout, self.sample_format
        context.time_base = Fraction(1, self.rate)


@dataclass(frozen=True)
class Track:
    """An audio stream of the clip. encoder: None where its packets are copied."""

    index: int
    encoder: Encoder | None


def plan_sound(source: Path, form: Format, origin: Fraction) -> list[Track]:
    """What becomes of each audio stream of a file; a warning says what is encoded anew.

    Args:
        origin: the time, in seconds, that becomes 0.

    Raises:
        Error: a stream can neither be copied nor encoded, or the file not be read.
    """
    try:
        with av.open(io.BytesIO(), "w", format=form.muxer) as empty:
            taken = empty.supported_codecs
        with av.open(f"file:{source}") as container:
            if not container.streams.audio:
                return []
            starts = _starts(container)
            return [
                _plan(stream, form, starts.get(stream.index, origin) - origin, taken) for stream in _audible(container)
            ]
    except av.FFmpegError as failure:
        raise Error(
            f"cannot read the sound of {str(source)!r}: {reason(failure)}; --no-audio leaves it out"
        ) from failure


def _audible(container: InputContainer) -> Iterator[AudioStream]:
    for stream in container.streams.audio:
        if stream.codec_context is None:
            LOGGER.warning("audio: stream %d has a codec that this FFmpeg does not know, it is left out", stream.index)
        else:
            yield stream


def _plan(stream: AudioStream, form: Format, start: Fraction, taken: AbstractSet[str]) -> Track:
    codec = stream.codec_context.codec.canonical_name
    if (
        codec in taken
        and codec.startswith(form.copied)
        and (form.muxer not in SHIFTING or codec == "opus" or start >= 0)
    ):
        return Track(stream.index, None)
    encoder = _encoder(stream, form.audio)
    changes = [
        f"{before} becomes {after}"
        for before, after in ((stream.layout.name, encoder.layout), (f"{stream.rate} Hz", f"{encoder.rate} Hz"))
        if before != after
    ]
    LOGGER.warning(
        "audio: %s does not go into %s as it is, encoding it as %s%s",
        codec, form.muxer, encoder.codec, f"; {', '.join(changes)}" if changes else "",
    )  # fmt: skip
    return Track(stream.index, encoder)


def _encoder(stream: AudioStream, codec: str) -> Encoder:
    """The nearest to the stream's rate, layout and depth that opens."""
    context = stream.codec_context
    deep = context.format.packed.name if context.codec.lossless else ""
    if codec.startswith("pcm_"):
        codec = "pcm_s32le" if deep == "s32" and context.codec.canonical_name in WIDER else PCM.get(deep, codec)
    sample_formats = [form.name for form in av.Codec(codec, "w").audio_formats or ()]
    sample_formats.sort(key=lambda name: name != deep)  # stable: the encoder's own first choice, but for the depth
    rates = [OPUS_RATE] if codec == "libopus" else [context.sample_rate, *RATES]
    layouts = [context.layout.name, LAYOUTS.get(context.layout.nb_channels, "stereo"), "stereo"]
    for layout in layouts:
        for rate in rates:
            if (encoder := Encoder(codec, layout, rate, sample_formats[0])).opens():
                return encoder
    raise Error(
        f"audio: stream {stream.index}, {context.sample_rate} Hz {context.layout.name}, cannot be encoded as {codec}; "
        "--no-audio leaves the sound out"
    )


def _starts(source: InputContainer) -> dict[int, Fraction]:
    """The time of the first packet of each audio stream, in seconds."""
    starts: dict[int, Fraction] = {}
    for packet in source.demux(list(source.streams.audio)):
        if packet.pts is not None:
            starts.setdefault(packet.stream.index, packet.pts * packet.time_base)
        if len(starts) == len(source.streams.audio):
            break
    return starts
