"""The planned sound of a clip on its way into a result."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeAlias, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container.input import InputContainer
from av.container.output import OutputContainer
from av.packet import Packet

from dim_trt.video.decoding import readable_packets
from dim_trt.video.sound_plan import Track

LOGGER = logging.getLogger("dim_trt")

AnyPacket: TypeAlias = "Packet[Any]"  # a string: PyAV's class takes no brackets when it runs


class Sound:
    """The planned tracks of a file on their way into another.

    Args:
        joined: where they go; their streams are added to it.
        source: the opened file.
        origin: the time, in seconds, that becomes 0.
    """

    def __init__(self, joined: OutputContainer, source: InputContainer, tracks: Sequence[Track], origin: Fraction):
        self._source, self._origin = source, origin
        self._streams = {track.index: _Stream(joined, source, track, origin) for track in tracks}

    def packets(self) -> Iterator[AnyPacket]:
        """In order of time. What cannot be decoded becomes silence, with a warning."""
        if not self._streams:
            return
        failures: list[str] = []
        inputs = [self._source.streams[index] for index in self._streams]
        for packet in readable_packets(self._source, inputs, failures.append):
            if packet is not None and packet.size:
                yield from self._streams[packet.stream.index].put(packet)
        for stream in self._streams.values():
            yield from stream.end()
        if failures:
            LOGGER.warning("audio: the file breaks off: %s", failures[0])


class _Stream:
    def __init__(self, joined: OutputContainer, source: InputContainer, track: Track, origin: Fraction):
        before = source.streams[track.index]
        assert isinstance(before, AudioStream)
        self._before, self._origin, self._damaged = before, origin, 0
        self._is_copied = track.encoder is None
        if track.encoder is None:
            self._target = joined.add_stream_from_template(before)
        else:
            self._target = track.encoder.add_to(joined)
            self._resampler: AudioResampler | None = None
            self._encoder = track.encoder
        for key, value in before.metadata.items():
            if key.lower() in ("language", "title"):
                # What MOV and MP4 call a track is its handler's name.
                named = key.lower() == "title" and joined.format.name in ("mov", "mp4")
                self._target.metadata["handler_name" if named else key] = value
            elif key.lower() == "handler_name" and value != "SoundHandler":
                self._target.metadata.setdefault(
                    "handler_name" if joined.format.name in ("mov", "mp4") else "title", value
                )
        self._target.disposition = before.disposition.value  # type: ignore[assignment]  # as in joining

    def put(self, packet: AnyPacket) -> Iterator[AnyPacket]:
        if self._is_copied:
            if packet.dts is not None:
                shift = round(self._origin / packet.time_base)
                packet.dts -= shift
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.stream = self._target
                yield packet
            return
        try:
            frames = cast(list[AudioFrame], packet.decode())
        except av.FFmpegError:
            frames = [self._silence(packet)]
        for frame in frames:
            yield from self._encoded(self._shifted(frame))

    def end(self) -> Iterator[AnyPacket]:
        if not self._is_copied:
            try:
                last = self._before.codec_context.decode(None)
            except (av.FFmpegError, EOFError):
                last = []
            for frame in last:
                yield from self._encoded(self._shifted(frame))
            yield from self._encoded(None)
        if self._damaged:
            LOGGER.warning("audio: stream %d: %d damaged parts became silence", self._before.index, self._damaged)

    def _shifted(self, frame: AudioFrame) -> AudioFrame:
        if frame.pts is not None and frame.time_base:
            frame.pts -= round(self._origin / frame.time_base)
        return frame

    def _encoded(self, frame: AudioFrame | None) -> Iterator[AnyPacket]:
        if self._resampler is None:
            context, wanted = self._target.codec_context, self._encoder
            context.open(strict=False)
            self._resampler = AudioResampler(context.format, context.layout, wanted.rate, context.frame_size or None)
        try:
            resampled = self._resampler.resample(frame)
        except ValueError:  # a damaged frame that looks like another layout or rate
            self._damaged += 1
            return
        for part in resampled:
            yield from self._target.encode(part)
        if frame is None:
            yield from self._target.encode(None)

    def _silence(self, packet: AnyPacket) -> AudioFrame:
        self._damaged += 1
        context = self._before.codec_context
        samples = round((packet.duration or 0) * packet.time_base * context.sample_rate) or 1024
        frame = AudioFrame(format=context.format.name, layout=context.layout.name, samples=samples)
        for plane in frame.planes:
            plane.update((b"\x80" if context.format.name.startswith("u8") else b"\0") * plane.buffer_size)
        frame.sample_rate, frame.pts, frame.time_base = context.sample_rate, packet.pts, packet.time_base
        return frame
