"""Segments to one file without encoding again, with the sound of the clip that they were made of."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from dim_trt.errors import Error
from dim_trt.files import replaced
from dim_trt.video.decoding import reason
from dim_trt.video.formats import Format
from dim_trt.video.reading import Clip
from dim_trt.video.segments import Segment

LOGGER = logging.getLogger("dim_trt")
OPUS_RATE = 48000
SHIFTING = ("matroska", "webm")  # with audio from before 0, which most codecs begin with, they would move all times

AnyPacket: TypeAlias = "Packet[Any]"  # a string: PyAV's class takes no brackets when it runs


def join(output: Path, form: Format, clip: Clip, segments: Sequence[tuple[Segment, Path]], sound: Path | None) -> None:
    """Writes the segments' packets, in order and at their times, and the audio of `sound` if there is some.

    Audio is copied where the container takes its codec and encoded anew where not, which a log line says.

    Raises:
        Error: something cannot be read or written; the segments stay as they are.
    """
    try:
        with (
            replaced(output, what="video") as temporary,
            av.open(f"file:{temporary}", "w", format=form.muxer, container_options={"fflags": "+bitexact"}) as joined,
        ):
            with av.open(f"file:{segments[0][1]}") as first:
                video = _add_video(joined, first.streams.video[0], clip)
            if sound is None:
                _mux(joined, [_video_packets(video, clip, segments)])
                return
            with av.open(f"file:{sound}") as source:
                audio = _Audio(joined, source, form, _starts(sound))
                _mux(joined, [_video_packets(video, clip, segments), audio.packets()])
    except av.FFmpegError as failure:
        remedy = "" if sound is None else "; if it is the sound, --no-audio leaves it out"
        raise Error(f"cannot write video {str(output)!r}: {reason(failure)}{remedy}") from failure


def _mux(joined: OutputContainer, packets: Sequence[Iterable[AnyPacket]]) -> None:
    """By time, so that no stream has to be kept in memory."""
    for packet in heapq.merge(*packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
        joined.mux(packet)


def _add_video(joined: OutputContainer, template: VideoStream, clip: Clip) -> VideoStream:
    stream = joined.add_stream_from_template(template)
    stream.time_base = clip.time_base
    for key, value in template.metadata.items():
        if key.lower() == "alpha_mode":
            stream.metadata["alpha_mode"] = value
    return stream


def _video_packets(stream: VideoStream, clip: Clip, segments: Sequence[tuple[Segment, Path]]) -> Iterator[AnyPacket]:
    """Times are those that were noted: containers may round them."""
    for segment, path in segments:
        with av.open(f"file:{path}") as part:
            packets = (packet for packet in part.demux(part.streams.video[0]) if packet.size)
            for packet, pts, duration in zip(packets, segment.pts, segment.durations, strict=True):
                packet.time_base = clip.time_base
                packet.pts = packet.dts = pts
                packet.duration = duration
                packet.stream = stream
                yield packet


class _Audio:
    """All audio of a file for another container. `starts`: of its streams, as `_starts` gives them."""

    def __init__(self, joined: OutputContainer, source: InputContainer, form: Format, starts: Mapping[int, int]):
        self._source = source
        self._targets: dict[int, tuple[AudioStream, AudioResampler | None]] = {}
        for stream in source.streams.audio:
            codec = stream.codec_context.codec.canonical_name
            fits = form.muxer not in SHIFTING or codec == "opus" or starts.get(stream.index, 0) >= 0
            if fits and codec.startswith(form.copied) and codec in joined.supported_codecs:
                target, resampler = joined.add_stream_from_template(stream), None
            else:
                target, resampler = _add_encoder(joined, stream, form.audio)
                LOGGER.warning(
                    "audio: %s does not go into %s as it is, encoding it as %s", codec, form.muxer, form.audio
                )
            target.metadata.update({key: value for key, value in stream.metadata.items() if key == "language"})
            self._targets[stream.index] = target, resampler

    def packets(self) -> Iterator[AnyPacket]:
        if not self._targets:
            return
        for packet in self._source.demux(list(self._source.streams.audio)):
            target, resampler = self._targets[packet.stream.index]
            if resampler is not None:
                frames = [
                    resampled for frame in packet.decode() for resampled in resampler.resample(cast(AudioFrame, frame))
                ]
                if not packet.size:
                    frames += resampler.resample(None)
                for frame in frames:
                    yield from target.encode(frame)
                if not packet.size:
                    yield from target.encode(None)
            elif packet.dts is not None:
                packet.stream = target
                yield packet


def _starts(sound: Path) -> dict[int, int]:
    """The time of the first packet of each audio stream."""
    starts: dict[int, int] = {}
    with av.open(f"file:{sound}") as source:
        streams = list(source.streams.audio)
        for packet in source.demux(streams) if streams else ():
            if packet.pts is not None:
                starts.setdefault(packet.stream.index, packet.pts)
            if len(starts) == len(streams):
                break
    return starts


def _add_encoder(joined: OutputContainer, stream: AudioStream, codec: str) -> tuple[AudioStream, AudioResampler]:
    rate = OPUS_RATE if codec == "libopus" else stream.codec_context.sample_rate
    target = joined.add_stream(codec, rate=rate, options={"flags": "+bitexact"})
    assert isinstance(target, AudioStream)
    target.layout = stream.layout
    target.time_base = Fraction(1, rate)
    target.codec_context.open()
    context = target.codec_context
    return target, AudioResampler(context.format, context.layout, rate, context.frame_size or None)
