"""Segments to one file without encoding again, with the sound of the clip that they were made of."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av
from av.container.output import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from dim_trt.errors import Error
from dim_trt.files import replaced
from dim_trt.video.decoding import reason
from dim_trt.video.extras import copy_extras
from dim_trt.video.formats import Format
from dim_trt.video.reading import Clip
from dim_trt.video.segments import Segment
from dim_trt.video.sound import AnyPacket, Sound
from dim_trt.video.sound_plan import Track
from dim_trt.video.writing import add_encoder


def join(
    output: Path,
    form: Format,
    clip: Clip,
    segments: Sequence[tuple[Segment, Path]],
    source: Path | None,
    tracks: Sequence[Track] = (),
) -> None:
    """Writes the segments' packets, in order and at their times, and what is kept of the clip beside its pictures.

    Args:
        source: the clip's file, whose timecode, titles and chapters go along; None: it has none to be read again.
        tracks: of its sound, as `plan_sound` planned them.

    Raises:
        Error: something cannot be read or written; the segments stay as they are.
    """
    origin = clip.origin * clip.time_base
    try:
        with (
            replaced(output, what="video") as temporary,
            av.open(f"file:{temporary}", "w", format=form.muxer, container_options={"fflags": "+bitexact"}) as joined,
        ):
            with av.open(f"file:{segments[0][1]}") as first:
                video = _add_video(joined, first.streams.video[0], clip)
            pictures = _video_packets(video, clip, segments)
            if source is None:
                _mux(joined, [pictures])
                return
            with av.open(f"file:{source}") as container:
                copy_extras(container, joined, video, origin)
                sound = Sound(joined, container, tracks, origin)
                _mux(joined, [pictures, sound.packets()])
    except av.FFmpegError as failure:
        remedy = "; if it is the sound, --no-audio leaves it out" if tracks else ""
        raise Error(f"cannot write video {str(output)!r}: {reason(failure)}{remedy}") from failure


def rehearse(form: Format, clip: Clip, source: Path | None, tracks: Sequence[Track]) -> None:
    """Opens all encoders and writes a header, in memory, so that what cannot be is told before the work.

    Raises:
        Error: this cannot be written.
    """
    try:
        with ExitStack() as stack:
            joined = stack.enter_context(av.open(io.BytesIO(), "w", format=form.muxer))
            add_encoder(joined, form, clip)
            if source is not None and tracks:
                container = stack.enter_context(av.open(f"file:{source}"))
                Sound(joined, container, tracks, Fraction(0))
            joined.start_encoding()
    except av.FFmpegError as failure:
        remedy = "; if it is the sound, --no-audio leaves it out" if tracks else ""
        raise Error(f"cannot write {form.codec} into {form.muxer}: {reason(failure)}{remedy}") from failure


def _mux(joined: OutputContainer, packets: Sequence[Iterable[AnyPacket]]) -> None:
    """By time, so that no stream has to be kept in memory."""
    for packet in heapq.merge(*packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
        joined.mux(packet)


def _add_video(joined: OutputContainer, template: VideoStream, clip: Clip) -> VideoStream:
    stream = joined.add_stream_from_template(template)
    # PyAV forgets the tag, and FFmpeg's first guess for ProRes is 422 HQ, which editors take at its word.
    stream.codec_context.codec_tag = template.codec_context.codec_tag
    stream.codec_context.sample_aspect_ratio, stream.codec_context.framerate = clip.pixel_aspect, clip.rate
    stream.time_base = clip.time_base
    stream.disposition = Disposition.default.value  # type: ignore[assignment]  # PyAV 17 takes a number alone
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
